# SPDX-License-Identifier: GPL-2.0-only
"""Lines of the trace event nestvisor:exit, as trace_pipe has them."""

import re
from collections import Counter
from typing import NamedTuple

from nestvisor.read import classes

LOST = re.compile(r"CPU:\d+ \[LOST (\d+) EVENTS\]")


class Place(NamedTuple):
    """Where guests leave to the hypervisor, and why."""
    vm: int
    vcpu: int
    level: str
    reason: str
    pc: int


def place(line: str) -> Place | None:
    """None: not a line of the event, or one that was cut off."""
    # What is before the last mark has the name of a process, which may be anything.
    _, mark, rest = line.rpartition(": exit: ")
    fields = dict(word.split("=", 1) for word in rest.split() if "=" in word)
    try:
        reason = classes.of_exit(fields["kind"], int(fields["esr"], 16))
        return Place(int(fields["vm"]), int(fields["vcpu"]), fields["world"], reason, int(fields["pc"], 16)) if mark else None
    except (KeyError, ValueError):
        return None


class Tally:
    """How often guests left where, from pieces of trace_pipe that may end within a line."""

    def __init__(self, vm: int | None = None) -> None:
        self.vm = vm
        self.places: Counter[Place] = Counter()
        self.lost = 0           # exits that found no room in the kernel's buffer
        self.odd = 0            # lines that are neither
        self._begun = ""

    def feed(self, piece: str) -> None:
        *lines, self._begun = (self._begun + piece).split("\n")
        for line in lines:
            found = place(line)
            lost = LOST.match(line)
            if found:
                if self.vm in (None, found.vm):
                    self.places[found] += 1
            elif lost:
                self.lost += int(lost.group(1))
            elif line.strip() and not line.startswith("#"):
                self.odd += 1

    @property
    def total(self) -> int:
        return sum(self.places.values())
