# SPDX-License-Identifier: GPL-2.0-only
"""Where things are: the repository, its build folder, the cache."""

import os
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
REPO = PACKAGE.parent.parent
L0 = PACKAGE / "machine" / "l0"          # what runs inside the machine
BUILD = REPO / "build"
BOOT_TESTS = REPO / "tests" / "boot"
TOOLS = REPO / "tools"


def cache(*parts: str) -> Path:
    """A path in the cache (NESTVISOR_CACHE, else XDG's cache folder). Nothing in it is precious."""
    base = os.environ.get("NESTVISOR_CACHE")
    if not base:
        base = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "nestvisor")
    return Path(base).joinpath(*parts)
