# SPDX-License-Identifier: GPL-2.0-only
"""EDK2 for the machine, from Debian's package: with it the kernel finds ACPI's tables, as on servers."""

from pathlib import Path

from nestlab import paths, say
from nestlab.errors import LabError
from nestlab.setup import apt, host, staging

PACKAGE = "qemu-efi-aarch64"
IMAGE = Path("usr/share/qemu-efi-aarch64/QEMU_EFI.fd")


FOR_L1 = "trixie"       # an older one stops at virtual EL2, which has VHE and nothing else


def get() -> Path:
    """The image of this machine's own release."""
    return unpacked(host.release().name) / IMAGE


def unpacked(release: str) -> Path:
    """The package's files, fetched at first use."""
    top = paths.cache("firmware", f"{PACKAGE}-{release}")
    with staging.locked(top):
        if not top.exists():
            debs = apt.fetch([f"{PACKAGE}/{release}"])
            say.step("unpacking EDK2")
            with staging.staged(top) as work:
                apt.unpack(debs, work / top.name)
    if not (top / IMAGE).exists():
        raise LabError(f"{PACKAGE} has no {IMAGE}; remove {top} and try again")
    return top
