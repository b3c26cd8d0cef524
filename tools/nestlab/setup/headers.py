# SPDX-License-Identifier: GPL-2.0-only
"""A kernel's headers, unpacked so that `make -C … M=…` works as on the target."""

import re
from pathlib import Path

from nestlab import paths, say
from nestlab.errors import LabError
from nestlab.setup import apt, built, flavours, kernels, staging


def get(version: str) -> Path:
    """The folder to hand to make -C, for a full version such as 6.12.95+deb12-arm64; a kernel of our own is built for it."""
    if built.variant(version):
        return kernels.get(version).folder / "tree"
    top = paths.cache("headers", version)
    with staging.locked(top):
        if not top.exists():
            fetch(version, top)
    return top / "usr" / "src" / f"linux-headers-{version}"


def fetch(version: str, top: Path) -> None:
    """Unpack headers, common headers and kbuild (amd64 programs: they serve a cross build)."""
    packages = flavours.headers(version)
    if missing := [name for name in (package.split(":")[0] for package in packages) if name not in apt.names(name)]:
        raise LabError(f"Debian offers no headers of kernel {version} any more ({' '.join(missing)}); try a newer one")
    staging.need_space(top, 0.5)
    debs = apt.fetch(packages)
    say.step(f"unpacking headers {version}")
    with staging.staged(top) as work:
        made = work / version
        apt.unpack(debs, made)
        # The one absolute path in the package: make it point to where it really lies.
        makefile = made / "usr" / "src" / f"linux-headers-{version}" / "Makefile"
        makefile.write_text(makefile.read_text().replace("/usr/src/", f"{top}/usr/src/"))


def gcc(headers: Path) -> str:
    """The GCC version that built the kernel; the module takes the same one."""
    packaged, configured = headers / ".kernelvariables", headers / "include/config/auto.conf"
    said = re.search(r"gcc-(\d+)", (packaged if packaged.exists() else configured).read_text())
    if not said:
        raise LabError(f"{headers} does not say which compiler built the kernel")
    return said[1]
