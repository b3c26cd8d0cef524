#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Checks every include edge of the core against the order of the rooms (docs/architecture.md).

A room is a folder with sources. An include points into its own room or to one further down, in ORDER; the mechanisms stage2,
vgic and timer do not include each other; only linux/ includes kernel headers. entry.h, what Linux calls, is implemented in
kvm/. Each room has a README.md. Prints each edge that breaks the order; exit status 1 if there is one.
"""

import re
import sys
from pathlib import Path

# From the ground up.
ORDER = """
port base arch vncr
stage2
vgic vgic/its vgic/hw vgic/nested vgic/mmio vgic/device
timer
vhe
nested/vel2 nested/walk nested/cpu nested/mmu
kvm/abi kvm/stats kvm/cpu kvm/sysreg kvm/one_reg kvm/firmware kvm/memory kvm/devices
kvm/vm kvm/trace kvm/vel2 kvm/fault kvm/nested kvm/tier0 kvm/exits kvm/run kvm/ioctl
linux
""".split()
LEVEL = {room: level for level, room in enumerate(ORDER)}
APART = ("stage2", "vgic", "timer")
STANDARD = set(
    "version cstddef cstdint limits new initializer_list type_traits concepts compare bit utility tuple array span optional".split()
)
# Where the host build puts a fake in the machine's place; guarded by NEST_MODULE.
FAKES = {("arch/cpu.hpp", "tests/fake/cpu.hpp")}


def room_of(path: str) -> str:
    """The folder, but for what stands in for C++'s own headers."""
    folder = path.rsplit("/", 1)[0]
    return "base" if folder == "base/shim" else folder


def broken(source: str, target: str) -> str | None:
    """The reason why the file `source` must not include <target>, or None."""
    if (source, target) in FAKES:
        return None
    if "/" not in target:
        return None if target in STANDARD else "only freestanding standard headers"
    here, there = room_of(source), room_of(target)
    if there not in LEVEL:
        return "not a room of the core"
    if target == "port/entry.h" and not here.startswith("kvm/"):
        return "only kvm/ implements what Linux calls"
    if LEVEL[there] > LEVEL[here]:
        return "points up"
    tops = {here.split("/")[0], there.split("/")[0]}
    return "points sideways" if len(tops) == 2 and tops <= set(APART) else None


def main() -> int:
    root = Path(__file__).resolve().parents[2]
    edges, bad = 0, 0
    for file in sorted(file for top in {room.split("/")[0] for room in ORDER} - {"linux"} for file in (root / top).rglob("*")):
        if file.suffix not in {".hpp", ".cpp", ".def", ".S"}:
            continue
        source = file.relative_to(root).as_posix()
        if room_of(source) not in LEVEL:
            print(f"{source}: its folder is no room of ORDER")
            bad += 1
            continue
        for number, line in enumerate(file.read_text().splitlines(), 1):
            match = re.match(r'\s*#\s*include\s+[<"]([^>"]+)[>"]', line)
            if not match:
                continue
            edges += 1
            reason = broken(source, match.group(1))
            if reason:
                print(f"{source}:{number}: <{match.group(1)}>: {reason}")
                bad += 1
    for room in ORDER:
        if not (root / room / "README.md").is_file():
            print(f"{room}: no README.md")
            bad += 1
    print(f"{edges} include edges, {bad} against the order")
    return 1 if bad or not edges else 0


if __name__ == "__main__":
    sys.exit(main())
