# SPDX-License-Identifier: GPL-2.0-only
"""Compilers that this machine's release does not have: a small root of the release that has one, in which make runs.

A module is to be built by the compiler of its kernel; Debian 12's own cannot build for a kernel of Debian 13's, whose
configuration names options that the older compiler does not know.
"""

import os
from pathlib import Path

from nestlab import paths, proc, say
from nestlab.errors import LabError
from nestlab.setup import debian, host, hosttools, staging

# A shell and its tools, and what kbuild's programs are linked to.
PACKAGES = ["bash", "bc", "coreutils", "dash", "diffutils", "findutils", "grep", "kmod", "libdw-dev", "libelf-dev", "libssl-dev",
            "make", "mawk", "perl-base", "sed", "xz-utils"]


def get(gcc: str) -> Path:
    """The root with that GCC, in the cache; LabError: no release that the lab knows has it."""
    suite = next((release.name for release in host.RELEASES if release.gcc == gcc), None)
    if not suite:
        raise LabError(f"no Debian release that the lab knows builds its kernels by GCC {gcc}; choose another --kernel")
    top = paths.cache("toolroot", f"{suite}-gcc-{gcc}")
    with staging.locked(top):
        if not top.exists():
            hosttools.need(hosttools.IMAGES)
            staging.need_space(top, 2)
            say.step(f"making a root of Debian's {suite} with GCC {gcc}")
            with staging.staged(top) as work:
                made = work / top.name
                debian.unpack(made, [*PACKAGES, *hosttools.cross(gcc)], [suite], arch="amd64")
                furnish(made)
    return top


def furnish(top: Path) -> None:
    """What the packages' scripts would have done, as far as make needs it."""
    debian.merge_usr(top)
    for name in ("dev", "proc", "tmp"):
        (top / name).mkdir(exist_ok=True)
    for name, target in (("awk", "mawk"), ("sh", "dash")):
        link = top / "usr" / "bin" / name
        if not link.exists():
            link.symlink_to(target)


def command(gcc: str, argv: list[str]) -> list[str]:
    """`argv` as a command in that root, where the repository and the cache lie at their own places."""
    top = get(gcc)
    places = [paths.REPO, paths.cache(), Path("/dev"), Path("/proc")]
    script = "".join(f'mkdir -p "$0{place}" && mount --rbind "{place}" "$0{place}" && ' for place in places)
    become = [] if os.geteuid() == 0 else ["--map-root-user"]
    return ["unshare", "--mount", *become, "sh", "-c", f'{script}exec chroot "$0" "$@"', str(top), "env", "PATH=/usr/sbin:/usr/bin",
            "LC_ALL=C", *argv]
