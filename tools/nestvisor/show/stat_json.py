# SPDX-License-Identifier: GPL-2.0-only
"""The counters as JSON's objects."""

from nestvisor.machine.vmm import Vmm
from nestvisor.read import classes
from nestvisor.read.counters import COUNTERS, EXITS, L2_EXITS, VEL2_EXITS
from nestvisor.read.vms import Counts, Vm

BY_CLASS = {EXITS, VEL2_EXITS, L2_EXITS}


def _counters(counts: Counts, whose: set[str]) -> dict[str, int]:
    """Plain ones, zeros too: a reader need not know which are left out."""
    known = {counter.name: 0 for counter in COUNTERS if counter.whose in whose and counter.words == 1}
    return known | counts.values


def _histograms(counts: Counts) -> dict[str, dict[str, int]]:
    return {name: {str(index): bar for index, bar in bars.items()} for name, bars in counts.bars.items() if name not in BY_CLASS}


def vm(found: Vm, vmm: Vmm) -> dict:
    """`exits_by_class` is by level, then by class; the bars of other histograms are by number."""
    return {
        "vm": found.number, "pid": found.pid, "command": vmm.command, "name": vmm.name,
        "counters": _counters(found, {"vm", "sum"}),
        "vcpus": [{"vcpu": number, "counters": _counters(counts, {"vcpu", "sum"}),
                   "exits_by_class": {level: {classes.name(ec): count for ec, count in sorted(bars.items())}
                                      for level, bars in counts.by_level().items()},
                   "histograms": _histograms(counts)} for number, counts in sorted(found.vcpus.items())],
    }
