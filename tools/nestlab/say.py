# SPDX-License-Identifier: GPL-2.0-only
"""Progress for the person who waits: short lines on stderr, so stdout stays the result."""

import sys
import time

_started = time.monotonic()


def elapsed() -> float:
    """Seconds since the command began."""
    return time.monotonic() - _started


def step(text: str) -> None:
    """One thing that starts now."""
    print(f"lab: [{elapsed():6.1f} s] {text}", file=sys.stderr, flush=True)


def result(text: str) -> None:
    """One line of what the command was asked for."""
    print(text, flush=True)
