# SPDX-License-Identifier: GPL-2.0-only
"""Places where guests leave: a table for a person, folded stacks for flame-graph tools."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from nestvisor.read.exits import Tally
from nestvisor.show import terminal

if TYPE_CHECKING:
    from rich.console import RenderableType


def table(tally: Tally, seconds: float, rows: int) -> "RenderableType":
    """The hottest places."""
    title = f"{tally.total:,} exits in {seconds:.1f} s, at {len(tally.places):,} places"
    found = terminal.table(["VM", "vCPU", "level", "class", "guest's PC"], ["exits/s", "share"])
    for place, count in tally.places.most_common(rows):
        found.add_row(str(place.vm), str(place.vcpu), place.level, place.reason, f"{place.pc:#018x}", f"{count / seconds:,.0f}",
                      f"{count / tally.total:.1%}")
    return terminal.titled(title, found)


def folded(tally: Tally, label: Callable[[int], str]) -> Iterator[str]:
    """One stack a line, as `a;b;c COUNT`; so a name has no semicolon."""
    for place, count in sorted(tally.places.items()):
        name = label(place.vm).replace(";", "_")
        yield f"{name};vcpu {place.vcpu};{place.level};{place.reason};{place.pc:#018x} {count}"


def remarks(tally: Tally) -> Iterator[str]:
    """What the figures do not have."""
    if tally.lost:
        yield f"{tally.lost:,} exits were lost: the kernel's buffer was full"
    if tally.odd:
        yield f"{tally.odd:,} lines of the trace were not understood"
