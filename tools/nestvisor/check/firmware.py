# SPDX-License-Identifier: GPL-2.0-only
"""The GIC, as the firmware and the kernel describe it."""

import re
from collections.abc import Iterator

from nestvisor.machine.sources import Sources

MADT, MADT_HEADER = "sys/firmware/acpi/tables/APIC", 44
MADT_DISTRIBUTOR, MADT_VERSION = 0x0c, 20      # the type of an entry, and where in it the GIC's version is


def _distributor_versions(madt: bytes) -> Iterator[int]:
    at = MADT_HEADER
    while at + 2 <= len(madt) and (size := madt[at + 1]) >= 2:
        if madt[at] == MADT_DISTRIBUTOR and size > MADT_VERSION and at + MADT_VERSION < len(madt):
            yield madt[at + MADT_VERSION]
        at += size


def _compatible(sources: Sources) -> Iterator[str]:
    """The devices that the device tree names, as far as interrupt controllers are at its top or within one bus."""
    tree = sources.path("proc/device-tree")
    for pattern in ("*/compatible", "*/*/compatible", "*/*/*/compatible"):
        for file in tree.glob(pattern):
            yield from file.read_bytes().decode(errors="replace").split("\0")


def gic(sources: Sources) -> tuple[bool | None, str]:
    """Is it a GICv3 or newer, and who says so?"""
    interrupts = sources.text("proc/interrupts") or ""
    if re.search(r"\bGICv[3-9]\b", interrupts):
        return True, "GICv3 or newer, says /proc/interrupts"
    if re.search(r"\bGIC-0\b|\bGICv2\b", interrupts):
        return False, "a GICv2, says /proc/interrupts"
    for name in _compatible(sources):
        if re.fullmatch(r"arm,gic-v[3-9]\w*", name):
            return True, f"{name}, says the device tree"
        if name in ("arm,gic-400", "arm,cortex-a15-gic"):
            return False, f"{name}, says the device tree"
    for version in _distributor_versions(sources.data(MADT) or b""):
        if version:
            return version >= 3, f"GICv{version}, says the MADT"
    return None, "neither /proc/interrupts nor the firmware's tables tell"
