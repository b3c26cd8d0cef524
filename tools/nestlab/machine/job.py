# SPDX-License-Identifier: GPL-2.0-only
"""Run one job in L0 and hand back its output and exit status."""

import time
from collections.abc import Callable

from nestlab.errors import LabError
from nestlab.machine.boot import Boot, log_file
from nestlab.machine.console import Console, TimeUp

BOOT_SECONDS = 240          # from power-on to the job, on a slow and busy PC, by a kernel that checks
TIMED_OUT = 124             # as timeout(1) says


def run(boot: Boot, seconds: float, show: Callable[[str], None], log_name: str = "last") -> int:
    """The job's exit status; its lines go to `show` as they come. LabError where L0 did not get that far."""
    with boot.command() as argv, Console(argv, log_file(log_name)) as console:
        deadline = time.monotonic() + BOOT_SECONDS
        seen, running = [], False
        while True:
            try:
                line = console.line(deadline)
            except TimeUp as late:
                if not running:
                    raise LabError(f"L0 did not come up in {BOOT_SECONDS} s; its console: {console.log}") from None
                if late.partial:
                    show(late.partial)
                show(f"lab: time is up after {seconds:g} s; the machine was stopped (console: {console.log})")
                return TIMED_OUT
            if line is None:
                if not running:
                    for old in seen[-30:]:
                        show(old)
                raise LabError(f"L0 ended before the job did; its console: {console.log}")
            if not running and "@@LAB DEAD " in line:
                for old in seen[-30:]:
                    show(old)
                raise LabError(f"L0: {line.partition('@@LAB DEAD ')[2]}; its console: {console.log}")
            if not running and line.endswith("@@LAB BEGIN"):       # firmware ends with no newline, but a few escapes
                running, deadline = True, time.monotonic() + seconds
            elif "@@LAB EXIT " in line:
                text, _, status = line.partition("@@LAB EXIT ")
                if text:                        # the job's last line had no newline
                    show(text)
                return int(status)
            elif running:
                show(line)
            else:
                seen.append(line)
