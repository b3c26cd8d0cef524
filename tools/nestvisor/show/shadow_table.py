# SPDX-License-Identifier: GPL-2.0-only
"""Shadows as tables."""

from typing import TYPE_CHECKING, Iterator

from nestvisor.read.shadows import ByPa, Piece, Shadow, Vm, pieces
from nestvisor.show import terminal

if TYPE_CHECKING:
    from rich.console import RenderableType


def size(count: int) -> str:
    """In the largest unit that needs no fraction."""
    for unit in ("B", "KiB", "MiB"):
        if count % 1024 or not count:
            return f"{count:,} {unit}"
        count //= 1024
    return f"{count:,} GiB"


def rounded(count: int) -> str:
    """To one digit behind the point."""
    value, unit = float(count), "B"
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024 or unit == "GiB":
            break
        value /= 1024
    return f"{value:,.0f} {unit}" if value == int(value) else f"{value:,.1f} {unit}"


def where(ipa: int | None) -> str:
    return "-" if ipa is None else f"{ipa:#x}"


def about(shadow: Shadow) -> str:
    return (f"shadow {shadow.number}: BADDR {shadow.baddr:#x}, VTCR {shadow.vtcr:#x}, VMID {shadow.vmid}, "
            f"used by {shadow.users} vCPU{'' if shadow.users == 1 else 's'}")


def whole(vm: Vm) -> Iterator["RenderableType"]:
    """Each shadow, piece by piece."""
    by_pa = ByPa(vm.stage2)
    for shadow in vm.shadows.values():
        found = terminal.table(["L2's IPA", "L1's IPA", "PA"], ["size", "access", "memory"])
        for piece in pieces(shadow, by_pa):
            found.add_row(f"{piece.l2_ipa:#x}", where(piece.l1_ipa), f"{piece.pa:#x}", size(piece.bytes), piece.access, piece.kind)
        yield terminal.titled(about(shadow), found)


def sums(found: list[Piece]) -> dict[str, int]:
    """Bytes of a shadow by what they are."""
    return {"mapped": sum(piece.bytes for piece in found),
            "writable": sum(piece.bytes for piece in found if "w" in piece.access),
            "executable": sum(piece.bytes for piece in found if "x" in piece.access),
            "device": sum(piece.bytes for piece in found if piece.kind == "device"),
            "not_in_stage2": sum(piece.bytes for piece in found if piece.l1_ipa is None)}


def summary(vm: Vm) -> Iterator["RenderableType"]:
    """What the VM has, and a row for each shadow."""
    memory, mapped = sum(slot.bytes for slot in vm.slots), sum(run.bytes for run in vm.stage2)
    title = f"memslots {rounded(memory)}; stage 2 maps {rounded(mapped)} in {len(vm.stage2)} runs"
    found = terminal.table(["shadow", "BADDR"], ["VMID", "vCPUs", "runs", "mapped", "writable", "executable", "device", "unknown"])
    by_pa = ByPa(vm.stage2)
    for shadow in vm.shadows.values():
        of = sums(list(pieces(shadow, by_pa)))
        found.add_row(str(shadow.number), f"{shadow.baddr:#x}", str(shadow.vmid), str(shadow.users), str(len(shadow.runs)),
                      *(rounded(count) for count in of.values()))
    yield terminal.titled(title, found)


def as_json(vm: Vm) -> dict:
    """Addresses and sizes are numbers."""
    by_pa = ByPa(vm.stage2)
    shadows = []
    for shadow in vm.shadows.values():
        found = list(pieces(shadow, by_pa))
        shadows.append({"shadow": shadow.number, "baddr": shadow.baddr, "vtcr": shadow.vtcr, "vmid": shadow.vmid,
                        "users": shadow.users, "bytes": sums(found), "pieces": [piece._asdict() for piece in found]})
    return {"vm": vm.number, "slots": [slot._asdict() for slot in vm.slots], "stage2": [run._asdict() for run in vm.stage2],
            "shadows": shadows}
