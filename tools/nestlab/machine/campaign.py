# SPDX-License-Identifier: GPL-2.0-only
"""Many commands in one boot of L0. Where one takes the machine down, the next ones get a fresh boot."""

import re
import shlex
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from nestlab.errors import LabError
from nestlab.machine.boot import Boot, log_file
from nestlab.machine.console import Console, TimeUp
from nestlab.machine.job import BOOT_SECONDS

GRACE = 30      # seconds beyond an item's limit: TERM, KILL, and the log over a serial line
MARK = re.compile(r"^(.*)@@LAB (ITEM|LOG|DONE|DEAD|EXIT|BEGIN)\b ?(.*)$")


@dataclass(frozen=True)
class Item:
    """A shell command with a limit in seconds."""

    name: str
    command: str
    limit: float


@dataclass
class Outcome:
    """What an item did. `status` None: it took the machine down, `lost` says how."""

    item: Item
    status: int | None = None
    lost: str = ""
    seconds: float = 0
    output: list[str] = field(default_factory=list)
    log: list[str] = field(default_factory=list)        # the kernel log's new lines

    @property
    def timed_out(self) -> bool:
        return self.status is not None and self.status > 128 and self.seconds >= self.item.limit


def run(items: list[Item], boot: Boot, log_name: str) -> Iterator[Outcome]:
    """Each item's outcome, in order. LabError where L0 comes up for none of them."""
    left, boots = list(items), 0
    while left:
        boots += 1
        done = 0
        for outcome in one_boot(left, boot, f"{log_name}-{boots}"):
            done += 1
            yield outcome
        if not done:
            raise LabError(f"L0 ran none of the {len(left)} commands; its console: {log_file(f'{log_name}-{boots}')}")
        left = left[done:]


def script(items: list[Item]) -> str:
    """The job for one boot."""
    calls = [f"item {shlex.quote(item.name)} {item.limit:g} {shlex.quote(item.command)}" for item in items]
    return "\n".join([". /run/lab/campaign.sh", *calls, ""])


def one_boot(items: list[Item], boot: Boot, log_name: str) -> Iterator[Outcome]:
    """Outcomes until the items end or the machine does."""
    queue = iter(items)
    current, started, in_log, finished = None, 0.0, False, False
    with replace(boot, job=script(items)).command() as argv, Console(argv, log_file(log_name)) as console:
        deadline = time.monotonic() + BOOT_SECONDS
        before: list[str] = []
        while True:
            lost = ""
            try:
                line = console.line(deadline)
            except TimeUp:
                line, lost = None, "hung the machine"
            if line is None:
                if current is None and finished:
                    return              # it went down between two items: the rest gets a fresh boot
                if current is None:
                    raise LabError(f"L0 did not come up: {telling(before)}; its console: {console.log}")
                current.lost = (lost or "the machine went down") + f", console: {console.log}"
                current.seconds = time.monotonic() - started
                current.log += [text for text in current.output if re.match(r"\[ *\d+\.\d+\]", text)]
                yield current
                return
            mark = MARK.match(line)
            if not mark:
                (before if current is None else current.log if in_log else current.output).append(line)
                continue
            rest, kind, value = mark.groups()
            if rest and current:                # a last line without its newline
                current.output.append(rest)
            if kind == "DEAD":
                raise LabError(f"L0: {value}: {telling(before)}; its console: {console.log}")
            if kind == "ITEM":
                current, in_log, started = Outcome(next(queue)), False, time.monotonic()
                deadline = started + current.item.limit + GRACE
            elif kind == "LOG":
                current.seconds, in_log = time.monotonic() - started, True
                while current.output and not current.output[-1]:
                    current.output.pop()
                deadline = max(deadline, time.monotonic() + GRACE)
            elif kind == "DONE":
                current.status = int(re.match(r"\d+", value)[0])
                yield current
                current, finished, deadline = None, True, time.monotonic() + GRACE
            elif kind == "EXIT":
                return


def telling(lines: list[str]) -> str:
    """The last thing that L0 said."""
    return next((line for line in reversed(lines) if line.strip()), "it printed nothing")
