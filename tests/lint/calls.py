#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Checks that no room of the core calls, by name, into a room further up (docs/architecture.md, "Interfaces").

`calls.py OBJECT...`: the objects of the host library. Their symbol tables say who defines what and who wants it; the order of
the rooms is includes.py's. Calls up go through the classes of INTERFACES, which are declared below and defined above. Prints
each other one; exit status 1 if there is one.
"""

import re
import subprocess
import sys

from includes import LEVEL, room_of

# Class -> the room that implements it.
INTERFACES = {"NestedMmu": "kvm/nested", "NestedVncr": "kvm/nested", "VcpuHooks": "kvm/exits"}


def symbols(path: str) -> tuple[set[str], set[str]]:
    """What an object defines, and what it wants of others."""
    out = subprocess.run(["nm", "--demangle", path], check=True, capture_output=True, text=True).stdout
    defined, wanted = set(), set()
    for line in out.splitlines():
        found = re.fullmatch(r"[0-9a-f]*\s+([A-Za-z]) (.+)", line)
        if found and found[1] in "TBDRVu":
            defined.add(found[2])
        elif found and found[1] == "U":
            wanted.add(found[2])
    return defined, wanted


def interface_of(symbol: str) -> str | None:
    found = re.search(r"\bnest::kvm::(\w+)(?:::|$)", symbol.split("(")[0])
    return found[1] if found and found[1] in INTERFACES else None


def main(objects: list[str]) -> int:
    rooms, wants = {}, []
    for path in objects:
        source = path.split("nestcore.dir/")[-1].removeprefix("./").removesuffix(".o")
        room = room_of(source)
        if room not in LEVEL:
            continue  # the fakes
        defined, wanted = symbols(path)
        rooms |= {symbol: room for symbol in defined}
        wants += [(room, source, symbol) for symbol in sorted(wanted)]
    bad, used = 0, set()
    for room, source, symbol in wants:
        there = rooms.get(symbol)
        if there is None or LEVEL[there] <= LEVEL[room]:
            continue
        interface = interface_of(symbol)
        if interface and INTERFACES[interface] == there:
            used.add(interface)
            continue
        print(f"{source}: calls {symbol}, which is {there}'s")
        bad += 1
    for interface in INTERFACES.keys() - used:
        print(f"{interface}: nobody calls up through it any more")
        bad += 1
    print(f"{len(wants)} names wanted, {bad} against the order")
    return 1 if bad or not wants else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
