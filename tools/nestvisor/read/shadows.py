# SPDX-License-Identifier: GPL-2.0-only
"""/sys/kernel/debug/nestvisor/shadows: memslots, stage 2 and shadow stage 2 of each VM; and which of L1's memory a shadow maps."""

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Iterator, NamedTuple

HEX = "(0x[0-9a-f]+)"
RUN = rf"ipa {HEX} bytes {HEX} pa {HEX} (\S+) (\S+)"
SLOT_LINE = re.compile(rf"vm (\d+) slot (\d+) ipa {HEX} bytes {HEX} hva {HEX}")
STAGE2_LINE = re.compile(rf"vm (\d+) stage2 {RUN}")
SHADOW_LINE = re.compile(rf"vm (\d+) shadow (\d+) baddr {HEX} vtcr {HEX} vmid (\d+) users (\d+)")
MAPPED_LINE = re.compile(rf"vm (\d+) shadow (\d+) {RUN}")


class Slot(NamedTuple):
    """A memslot: L1's physical memory in the VMM's address space."""
    number: int
    ipa: int
    bytes: int
    hva: int


class Run(NamedTuple):
    """A run of mappings with the same attributes, contiguous on both sides."""
    ipa: int
    bytes: int
    pa: int
    access: str
    kind: str


class Piece(NamedTuple):
    """A part of a shadow's run, and L1's IPA of it; None: stage 2 does not map that memory now."""
    l2_ipa: int
    l1_ipa: int | None
    pa: int
    bytes: int
    access: str
    kind: str


@dataclass
class Shadow:
    number: int
    baddr: int
    vtcr: int
    vmid: int
    users: int
    runs: list[Run] = field(default_factory=list)


@dataclass
class Vm:
    number: int
    slots: list[Slot] = field(default_factory=list)
    stage2: list[Run] = field(default_factory=list)
    shadows: dict[int, Shadow] = field(default_factory=dict)


def _run(words: tuple[str, ...]) -> Run:
    ipa, size, pa, access, kind = words
    return Run(int(ipa, 16), int(size, 16), int(pa, 16), access, kind)


def parse(text: str) -> dict[int, Vm]:
    """The VMs by number. A line of another form is a newer module's, and is passed over."""
    vms: dict[int, Vm] = {}

    def vm(number: str) -> Vm:
        return vms.setdefault(int(number), Vm(int(number)))

    for line in text.splitlines():
        if found := SLOT_LINE.fullmatch(line):
            number, slot, *rest = found.groups()
            vm(number).slots.append(Slot(int(slot), *(int(word, 16) for word in rest)))
        elif found := STAGE2_LINE.fullmatch(line):
            number, *words = found.groups()
            vm(number).stage2.append(_run(tuple(words)))
        elif found := SHADOW_LINE.fullmatch(line):
            number, shadow, baddr, vtcr, vmid, users = found.groups()
            vm(number).shadows[int(shadow)] = Shadow(int(shadow), int(baddr, 16), int(vtcr, 16), int(vmid), int(users))
        elif found := MAPPED_LINE.fullmatch(line):
            number, shadow, *words = found.groups()
            # A run without its shadow's own line before it is of a text that was cut off: it cannot be attributed.
            if owner := vm(number).shadows.get(int(shadow)):
                owner.runs.append(_run(tuple(words)))
    return dict(sorted(vms.items()))


class ByPa:
    """A VM's stage 2 by physical address. Of memory that it maps at two IPAs, the run that reaches farther counts."""

    def __init__(self, stage2: list[Run]) -> None:
        runs = sorted(stage2, key=lambda run: run.pa)
        self.starts = [run.pa for run in runs]
        # Of the runs up to each one, that which reaches farthest: if any holds an address behind the last start, it does.
        self.farthest = list(accumulate(runs, lambda a, b: max(a, b, key=lambda run: run.pa + run.bytes)))

    def at(self, pa: int, limit: int) -> tuple[int | None, int]:
        """The IPA of `pa`, or None, and up to where this holds, `limit` at most."""
        after = bisect_right(self.starts, pa)
        if after:
            run = self.farthest[after - 1]
            if pa < run.pa + run.bytes:
                return run.ipa + pa - run.pa, min(limit, run.pa + run.bytes)
        return None, min([limit, *self.starts[after:after + 1]])


def pieces(shadow: Shadow, by_pa: ByPa) -> Iterator[Piece]:
    """The shadow's runs, cut where L1's IPA jumps."""
    for run in shadow.runs:
        done = 0
        while done < run.bytes:
            l1_ipa, end = by_pa.at(run.pa + done, run.pa + run.bytes)
            size = end - run.pa - done
            yield Piece(run.ipa + done, l1_ipa, run.pa + done, size, run.access, run.kind)
            done += size
