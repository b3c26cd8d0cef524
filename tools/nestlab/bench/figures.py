# SPDX-License-Identifier: GPL-2.0-only
"""What a run of exit_latency found, where it is kept, and the goals that it is held against."""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path

from nestlab import paths
from nestlab.tests.results import SIDES

# Part of the repository, so that a run of one side, on whatever machine, keeps all others' results.
DATA = paths.REPO / "docs" / "performance"
DISTURBED = "samples above 1.5 times the median: a rule for outliers, such as an interrupt of L0 itself; no cause is traced"


@dataclass(frozen=True)
class Row:
    """One operation: instructions of the whole machine (or nanoseconds, without counting), exits per operation."""

    mode: str                   # flat | vel2 | l2
    name: str
    median: float = 0
    min: float = 0
    p90: float = 0
    max: float = 0
    disturbed: int = 0
    samples: int = 0
    kvm: dict[str, float] = field(default_factory=dict)
    error: str = ""

    @property
    def exits(self) -> float:
        return self.kvm.get("exits", 0)


@dataclass(frozen=True)
class Run:
    """Where a run was: a side, a CPU model, in L0 or inside a Linux L1."""

    side: str = "ours"
    cpu: str = "max"
    nested: bool = False
    qemu: bool = False          # with QEMU as the VMM

    @property
    def file(self) -> Path:
        return DATA / ("-".join([*["qemu"] * self.qemu, self.side, self.cpu, *["in-l1"] * self.nested]) + ".json")

    @property
    def title(self) -> str:
        return SIDES[self.side] + (", inside Linux L1" if self.nested else "")


def parse(text: str) -> list[Row]:
    """Rows of Google Benchmark's JSON."""
    rows = []
    for entry in json.loads(text)["benchmarks"]:
        mode, name = entry["name"].split("/")[:2]
        if entry.get("error_occurred"):
            rows.append(Row(mode, name, error=entry.get("error_message", "no reason given")))
            continue
        numbers = {key: entry[key] for key in ("median", "min")}
        # Of the first results the document alone was kept, which shows neither of these.
        numbers |= {key: entry[key] for key in ("p90", "max") if key in entry}
        kvm = {key.removeprefix("kvm."): value for key, value in entry.items() if key.startswith("kvm.")}
        rows.append(Row(mode, name, **numbers, disturbed=int(entry["disturbed"]), samples=entry["iterations"], kvm=kvm))
    return rows


def save(run: Run, header: dict, text: str) -> None:
    """Google Benchmark's JSON with what the lab knows beside it."""
    DATA.mkdir(parents=True, exist_ok=True)
    aside = run.file.with_suffix(".new")
    aside.write_text(json.dumps({"lab": header, **json.loads(text)}, indent=1) + "\n")
    aside.rename(run.file)


def load(run: Run) -> tuple[dict, dict[tuple[str, str], Row]] | None:
    """(header, rows by mode and name) of the last run with either VMM; None if there was none."""
    texts = [each.file.read_text() for each in (run, replace(run, qemu=True)) if each.file.exists()]
    header = {key: value for text in reversed(texts) for key, value in json.loads(text)["lab"].items()}
    return (header, {(row.mode, row.name): row for text in texts for row in parse(text)}) if texts else None


@dataclass(frozen=True)
class Goal:
    """At most so many, medians; None: no goal."""

    flat: float | None = None           # instructions in L0
    nested: float | None = None         # instructions inside Linux L1
    exits: float | None = None

    def median(self, nested: bool) -> float | None:
        return self.nested if nested else self.flat


GOALS = {
    ("flat", "hypercall"): Goal(300, 5000),
    ("flat", "mmio-vgic"): Goal(600, 6500),
    ("flat", "lpi"): Goal(6400, 24000),
    ("flat", "lpi-irqfd"): Goal(2340),
    ("flat", "mmio-user-qemu"): Goal(8000, 46000),
    ("flat", "ipi"): Goal(4000, 19000),
    ("flat", "timer"): Goal(4400, 20000),
    ("l2", "hypercall"): Goal(1000, exits=2),
    ("l2", "shadow-fault-first"): Goal(1200),
    ("l2", "shadow-fault-after-tlbi"): Goal(1200),
}


def goal(row: Row, nested: bool) -> float | None:
    """The goal for a row's median."""
    return GOALS.get((row.mode, row.name), Goal()).median(nested)


def misses(run: Run, rows: dict[tuple[str, str], Row]) -> list[str]:
    """A sentence for each goal that a run does not meet."""
    found = []
    for key, wanted in GOALS.items():
        row = rows.get(key)
        limit = wanted.median(run.nested)
        where = "/".join(key) + (" inside Linux L1" if run.nested else "")
        if not row or limit is None:
            continue
        if row.error:
            found.append(f"{where}: not measured: {row.error}")
        elif row.median > limit:
            found.append(f"{where}: {row.median:,.0f} instructions, the goal is {limit:,.0f}")
        if wanted.exits is not None and not run.nested and not row.error and row.exits > wanted.exits + 0.05:
            found.append(f"{where}: {row.exits:.2f} exits, the goal is {wanted.exits:g}")
    return found
