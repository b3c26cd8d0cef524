# SPDX-License-Identifier: GPL-2.0-only
"""Firmware from Debian's packages. EDK2 for the machine: with it the kernel finds ACPI's tables, as on servers. For L1, whose
virtual EL2 it starts at without E2H, EDK2 and U-Boot of both releases."""

import shutil
from pathlib import Path

from nestlab import paths, say
from nestlab.errors import LabError
from nestlab.setup import apt, host, staging

EDK2 = ("qemu-efi-aarch64", Path("usr/share/qemu-efi-aarch64/QEMU_EFI.fd"))
U_BOOT = ("u-boot-qemu", Path("usr/lib/u-boot/qemu_arm64/u-boot.bin"))


def get() -> Path:
    """EDK2 of this machine's own release."""
    return image(EDK2, host.release().name)


def for_l1() -> Path:
    """A folder with edk2-N and u-boot-N for each release N of Debian's."""
    folder = paths.cache("firmware", "l1")
    with staging.locked(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for release in host.RELEASES:
            for name, source in (("edk2", EDK2), ("u-boot", U_BOOT)):
                shutil.copy(image(source, release.name), folder / f"{name}-{release.number}")
    return folder


def image(source: tuple[str, Path], release: str) -> Path:
    """One package's image, fetched at first use."""
    package, file = source
    top = paths.cache("firmware", f"{package}-{release}")
    with staging.locked(top):
        if not top.exists():
            debs = apt.fetch([f"{package}/{release}"])
            say.step(f"unpacking {package}")
            with staging.staged(top) as work:
                apt.unpack(debs, work / top.name)
    if not (top / file).exists():
        raise LabError(f"{package} has no {file}; remove {top} and try again")
    return top / file
