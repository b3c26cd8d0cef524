# SPDX-License-Identifier: GPL-2.0-only
"""A tree of Debian packages, unpacked only: no program of theirs runs, as a host of another architecture could not."""

import os
from collections.abc import Sequence
from pathlib import Path

from nestlab import proc
from nestlab.setup import apt

UNUSED = ["usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info", "usr/share/lintian", "var/cache",
          "usr/share/zoneinfo"]


def unpack(top: Path, packages: Sequence[str], suites: Sequence[str] = ("trixie",), pins: str = "",
           archives: Path | None = None, arch: str = "arm64") -> None:
    """Unpack `packages` and what they need to `top`, from `suites`, of which the first is the release. The .deb files, if
    wanted, are left in the folder `archives`."""
    apt.configured()
    sources, preferences, tar = apt.root() / f"{top.name}.list", apt.root() / f"{top.name}.pref", top.with_suffix(".tar")
    sources.write_text(apt.entries(list(suites), arch))
    preferences.write_text(pins)
    mode = "root" if os.geteuid() == 0 else "chrootless"        # only unpacking, so no user name space is needed
    keep = [f'--extract-hook=cp -r "$1/var/cache/apt/archives" "{archives}"'] if archives else []
    proc.run(["mmdebstrap", "--quiet", f"--mode={mode}", "--variant=extract", f"--arch={arch}", "--skip=output/dev", *keep,
              f'--aptopt=Dir::Etc::preferences "{preferences}"', '--aptopt=APT::Install-Recommends "false"',
              "--include=" + ",".join(packages), suites[0], str(tar), str(sources)], "mmdebstrap")
    top.mkdir()
    proc.run(["tar", "-xf", str(tar), "-C", str(top), "--no-same-owner", "--exclude=./dev/*"], f"unpacking {top.name}")
    tar.unlink()
    for name in UNUSED:
        proc.run(["rm", "-rf", str(top / name)], f"trimming {top.name}")


def merge_usr(top: Path) -> None:
    """What base-files would have done: the old top-level folders are links into usr/."""
    for name in ("bin", "sbin", "lib", "lib64"):
        if (top / "usr" / name).exists() and not (top / name).exists():
            (top / name).symlink_to(f"usr/{name}")
