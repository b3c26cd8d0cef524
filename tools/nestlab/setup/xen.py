# SPDX-License-Identifier: GPL-2.0-only
"""The disk of Xen, for L1: the hypervisor and its tools as Debian has them, for a Linux as dom0 to chroot into (xen.sh)."""

import inspect
from pathlib import Path

from nestlab.setup import chroot_disk, debian, images, kernels

VERSION = "4.20"        # trixie's
PACKAGES = [f"xen-hypervisor-{VERSION}-arm64", f"xen-utils-{VERSION}", "xenstore-utils", "busybox-static", "kmod", "?essential"]
FOLDERS = ["dev", "proc", "sys", "run", "tmp", "guest", "var/lib/xen", "var/log/xen/console", "var/tmp"]


def image() -> Path:
    """The disk, made at first use."""
    kernel = kernels.get("6.12", "cloud-arm64")

    def fill(top: Path, _work: Path) -> None:
        debian.unpack(top, PACKAGES)
        chroot_disk.add_folders(top, FOLDERS)
        chroot_disk.add_modules(top, kernel)
        (top / "boot" / f"xen-{VERSION}-arm64").rename(top / "xen")

    recipe = [kernel.version, *PACKAGES, *FOLDERS, *(inspect.getsource(module) for module in (debian, images)), inspect.getsource(fill)]
    return chroot_disk.made("xen", f"Xen {VERSION}", recipe, fill, 64 << 20)
