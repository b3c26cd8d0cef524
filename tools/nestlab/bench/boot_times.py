# SPDX-License-Identifier: GPL-2.0-only
"""L0 → L1 → L2, boot to power-off, on ours and on Linux's own KVM in turn, by the clock on the wall."""

import json
import statistics
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from nestlab import say
from nestlab.bench import figures
from nestlab.errors import LabError
from nestlab.machine import campaign
from nestlab.machine.boot import Boot
from nestlab.machine.machine import Machine
from nestlab.setup.kernels import Kernel
from nestlab.tests import boottests, judge
from nestlab.tests.results import FAIL, SIDES

FILE = figures.DATA / "boots.json"
GOAL = 0.7                  # of the peer's time, at most
L1, L2 = "7.2", "6.12"
LIMIT = 1200                # seconds for one boot of L1 and L2


@dataclass(frozen=True)
class Timed:
    """One boot of L1 and L2 in a fresh L0. `error`: it failed, its time says nothing."""

    pair: int               # from 1
    side: str
    seconds: float = 0      # from the start of nested-linux.sh to its end
    error: str = ""


@dataclass(frozen=True)
class Pairs:
    """What a run found, and with what."""

    lab: dict[str, str]
    boots: list[Timed]

    def median(self, side: str) -> float | None:
        seconds = [boot.seconds for boot in self.boots if boot.side == side and not boot.error]
        return statistics.median(seconds) if seconds else None

    def ratio(self) -> float | None:
        """Ours by the peer's; None unless every boot was good."""
        ours, peer = (self.median(side) for side in SIDES)
        return ours / peer if ours and peer and not any(boot.error for boot in self.boots) else None


def measure(count: int, cpu: str, l0: dict[str, tuple[Kernel, Path | None]]) -> Pairs:
    """`count` pairs, kept in FILE. `l0`: kernel and module of each side."""
    boots = []
    for pair in range(1, count + 1):
        for side in SIDES:
            say.step(f"pair {pair} of {count}: {SIDES[side]}")
            kernel, module = l0[side]
            machine = Machine(cpu=cpu, smp=2, kvm_mode="nested" if side == "peer" else "none")
            boot = Boot(machine, kernel, module, scripts=boottests.scripts())
            boots.append(one(pair, side, boot))
            say.step(f"{SIDES[side]}: " + (boots[-1].error or f"{boots[-1].seconds:.1f} s"))
    lab = {"date": time.strftime("%Y-%m-%d"), "cpu": cpu, **{side: kernel.version for side, (kernel, _) in l0.items()}}
    pairs = Pairs(lab, boots)
    save(pairs)
    return pairs


def one(pair: int, side: str, boot: Boot) -> Timed:
    """A boot of L0, in it one of L1 and L2 with two vCPUs each."""
    item = campaign.Item("boots", f"CPUS=2 nested-linux.sh {L1} {L2}", LIMIT)
    try:
        outcome, = campaign.run([item], boot, f"bench-boots-{side}")
    except LabError as error:
        return Timed(pair, side, error=str(error))
    failed = [result.reason for result in judge.verdicts(outcome, item.name) if result.verdict == FAIL]
    return Timed(pair, side, error=failed[0]) if failed else Timed(pair, side, round(outcome.seconds, 1))


def save(pairs: Pairs) -> None:
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(json.dumps(asdict(pairs), indent=1) + "\n")


def load() -> Pairs | None:
    """The last run; None if there was none."""
    if not FILE.exists():
        return None
    data = json.loads(FILE.read_text())
    return Pairs(data["lab"], [Timed(**boot) for boot in data["boots"]])


def verdict(pairs: Pairs) -> str:
    """One line: medians, ratio, goal."""
    ratio = pairs.ratio()
    if ratio is None:
        failed = [f"{SIDES[boot.side]}: {boot.error}" for boot in pairs.boots if boot.error]
        return "no ratio: " + (failed or ["no boot of one side"])[0]
    medians = ", ".join(f"{SIDES[side]} {pairs.median(side):.1f} s" for side in SIDES)
    number = max(boot.pair for boot in pairs.boots)
    return (f"medians of {number} pair{'s' * (number > 1)}: {medians}; ratio {ratio:.2f}, goal at most {GOAL}: " +
            ("met" if ratio <= GOAL else "MISSED"))


def misses(pairs: Pairs | None) -> list[str]:
    """For the list of goals that are missed."""
    if not pairs or ((ratio := pairs.ratio()) is not None and ratio <= GOAL):
        return []
    what = "no ratio" if ratio is None else f"{ratio:.2f} of the peer's time"
    return [f"L0 → L1 → L2, boot to power-off: {what}, the goal is {GOAL}"]


def cell(boot: Timed) -> str:
    return f"failed: {boot.error.replace('|', '/')}" if boot.error else f"{boot.seconds:.1f} s"


def section(pairs: Pairs | None) -> str:
    """Of docs/performance.md; nothing where no pair was run."""
    if not pairs:
        return ""
    lines = ["| pair | " + " | ".join(SIDES.values()) + " |", "| ---: |" + " ---: |" * len(SIDES)]
    for number in sorted({boot.pair for boot in pairs.boots}):
        found = {boot.side: boot for boot in pairs.boots if boot.pair == number}
        lines.append(f"| {number} | " + " | ".join(cell(found[side]) for side in SIDES) + " |")
    table, lab = "\n".join(lines), pairs.lab
    return f"""\
## Boot to power-off

L0 starts Linux {L1} as L1 at virtual EL2, which starts Linux {L2} as its guest, and both power off; two CPUs at each
level, QEMU 11 as both VMMs. Timed from the start of the script that starts L1's QEMU to its end, in a fresh L0 each
time, the two sides in turn: Nestvisor in {lab['ours']}, Linux's own KVM in {lab['peer']},
`-cpu {lab['cpu']}`, {lab['date']}. These are **seconds by the clock on the wall** of one run on one machine, where QEMU
emulates each CPU in a thread of its own and counts nothing: only the ratio means something.

{table}

{verdict(pairs)[0].upper() + verdict(pairs)[1:]}.
"""
