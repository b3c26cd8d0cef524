# SPDX-License-Identifier: GPL-2.0-only
"""A line of the check, and what all of them come to."""

from collections.abc import Iterable
from typing import NamedTuple

OK, NO, UNKNOWN = "OK", "NO", "?"
GUESTS, NESTED = "guests", "nested guests"

ALL_GOOD, NO_NESTING, NO_GUESTS, CANNOT_TELL = range(4)
MEANING = {
    ALL_GOOD: "This machine runs guests and nested guests.",
    NO_NESTING: "This machine runs guests, but no nested ones.",
    NO_GUESTS: "This machine does not run guests on Nestvisor as it is now.",
    CANNOT_TELL: "Whether this machine runs guests and nested guests cannot be told as it is now.",
}


class Line(NamedTuple):
    """`needed` for GUESTS is needed for nested ones, too. `advice` is what to do, empty where nothing is."""
    name: str
    verdict: str
    found: str
    advice: str = ""
    needed: str = GUESTS


def status(lines: Iterable[Line]) -> int:
    """The command's exit status. What is missing for certain counts more than what is unknown."""
    seen = {(line.needed, line.verdict) for line in lines}
    if (GUESTS, NO) in seen:
        return NO_GUESTS
    if (GUESTS, UNKNOWN) in seen:
        return CANNOT_TELL
    if (NESTED, NO) in seen:
        return NO_NESTING
    return CANNOT_TELL if (NESTED, UNKNOWN) in seen else ALL_GOOD
