# SPDX-License-Identifier: GPL-2.0-only
"""What two readings of the counters, one after the other, say of the time between them."""

from typing import NamedTuple

from nestvisor.read import classes
from nestvisor.read.vms import Counts, Vm

ANY = "any"                     # interrupts and SErrors are counted for the vCPU, whatever its level was


class Row(NamedTuple):
    vcpu: int
    level: str
    rates: dict[str, float]     # exits a second by exception class; zeros are left out

    @property
    def total(self) -> float:
        return sum(self.rates.values())


def _by_level(counts: Counts) -> dict[str, dict[str, int]]:
    levels = {level: {classes.name(ec): count for ec, count in bars.items()} for level, bars in counts.by_level().items()}
    return levels | {ANY: {"IRQ": counts.value("irq_exits"), "SError": counts.value("serror_exits")}}


def rows(before: Vm | None, after: Vm, seconds: float) -> list[Row]:
    """A row for each vCPU and level. What was not there before has counted from zero."""
    found = []
    for number, counts in sorted(after.vcpus.items()):
        was = _by_level(before.vcpus[number]) if before and number in before.vcpus else {}
        for level, now in _by_level(counts).items():
            then = was.get(level, {})
            rates = {name: (count - then.get(name, 0)) / seconds for name, count in now.items() if count > then.get(name, 0)}
            if rates or level != ANY:
                found.append(Row(number, level, rates))
    return found


def frequent(found: list[Row]) -> list[str]:
    """The classes that occur, the most frequent one first."""
    sums: dict[str, float] = {}
    for row in found:
        for name, rate in row.rates.items():
            sums[name] = sums.get(name, 0) + rate
    return sorted(sums, key=lambda name: (-sums[name], name))
