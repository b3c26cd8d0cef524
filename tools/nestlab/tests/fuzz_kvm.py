# SPDX-License-Identifier: GPL-2.0-only
"""The fuzzer of what a VMM can do (tests/fuzz_kvm), static for arm64."""

import shutil
import tempfile
from pathlib import Path

from nestlab import paths, proc
from nestlab.tests import guests

SOURCES = paths.REPO / "tests" / "fuzz_kvm"
TABLES = [paths.REPO / "kvm" / "abi", paths.REPO / "arch", paths.REPO / "base"]      # what its own tables are made of


def get() -> Path:
    """The folder with fuzz/fuzz_kvm, built anew where a source is younger."""
    return guests.fresh(paths.BUILD / "fuzz-kvm" / "fuzz" / "fuzz_kvm", [SOURCES, *TABLES], build)


def build(program: Path) -> None:
    program.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=program.parent.parent, prefix="making-") as folder:
        made = Path(folder) / "fuzz_kvm"
        proc.run(["nice", f"{guests.CROSS}g++", *guests.COMMON, "-static", "-pthread", f"-I{paths.REPO}",
                  *guests.inputs(SOURCES), "-o", str(made)], "building tests/fuzz_kvm", log=paths.BUILD / "log" / "fuzz_kvm.log")
        proc.run([f"{guests.CROSS}strip", str(made)], "stripping fuzz_kvm")
        shutil.move(made, program)
