# SPDX-License-Identifier: GPL-2.0-only
"""The machine that the lab runs on: its Debian release and what follows from it."""

from dataclasses import dataclass
from pathlib import Path

from nestlab.errors import LabError


@dataclass(frozen=True)
class Release:
    """What one Debian release gives the lab."""

    name: str           # code name
    number: int         # Debian's number, as in +deb12
    qemu_suite: str     # has a QEMU that knows FEAT_NV2 (>= 9.0; >= 10.0 is what we test with)
    kernel_suite: str   # has the 6.12 kernel built by this release's compiler
    clang_rt: str       # the sanitisers' and libFuzzer's run time
    gcc: str            # the compiler of its kernels, and so of the kernels that the lab builds


RELEASES = [
    Release("bookworm", 12, "bookworm-backports", "bookworm-backports", "libclang-rt-14-dev", "12"),
    Release("trixie",   13, "trixie",             "trixie",             "libclang-rt-19-dev", "14"),
]


def release(os_release: Path = Path("/etc/os-release")) -> Release:
    """This machine's release; a LabError where it is none that we know."""
    try:
        fields = dict(line.split("=", 1) for line in os_release.read_text().splitlines() if "=" in line)
    except OSError:
        fields = {}
    name = fields.get("VERSION_CODENAME", "").strip('"')
    for known in RELEASES:
        if known.name == name:
            return known
    raise LabError(f"the lab runs on Debian 12 or 13; this machine says {name or 'nothing'} (run it in a Debian container)")
