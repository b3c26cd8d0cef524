# SPDX-License-Identifier: GPL-2.0-only
"""Ours against the figures of record: which operations cost more than they did then, and why."""

import json

from nestlab.bench import figures
from nestlab.bench.figures import Row, Run

ALLOWED = 1.02              # times the figure of record
# What made an operation dearer, by the name under which the record has it. Correctness is a reason, convenience is none.
FAULT = ("a fault asks whether its range is in a notifier's hands, so that it comes through beside a VMM that maps and unmaps "
         "elsewhere (32 instructions), holds no lock while the page is asked for, so that the slot is looked at twice (20), and "
         "refuses pages known to be poisoned (11)")
REASONS: dict[str, str] = {
    "flat/stage2-fault-populated": FAULT,
    "vel2/stage2-fault-populated": FAULT,
    "in-l1/flat/ipi-sleeping": "none, but the samples are of two kinds, by whether L1's kernel still looks for work or its CPU "
                               "sleeps, and the median falls among either; the minimum was 9,492 and is 9,528",
}


def name(run: Run, row: Row) -> str:
    """flat/hypercall, or in-l1/flat/hypercall."""
    return "in-l1/" * run.nested + f"{row.mode}/{row.name}"


def record() -> dict:
    """`medians` (instructions by name), `date` and `kernel` of when they were measured."""
    return json.loads((figures.DATA / "reference.json").read_text())


def dearer(ours: dict[Run, dict[tuple[str, str], Row]]) -> list[tuple[str, float, float]]:
    """(name, median of the record, median now) of each that costs more than is allowed."""
    before = record()["medians"]
    now = {name(run, row): row.median for run, rows in ours.items() for row in rows.values() if not row.error}
    return [(key, before[key], median) for key, median in now.items() if key in before and median > ALLOWED * before[key]]


def section(ours: dict[Run, dict[tuple[str, str], Row]]) -> str:
    """Of docs/performance.md."""
    found, then = dearer(ours), record()
    head = (f"## Dearer than it was\n\nThe figures of record are those of {then['date']} ({then['kernel']} in L0), from before the review of "
            "what guests and VMMs can do to the host.\n\n")
    if not found:
        return head + f"No operation costs more than {ALLOWED - 1:.0%} more.\n"
    lines = ["| operation | then | now | more | reason |", "| --- | ---: | ---: | ---: | --- |"]
    lines += [f"| {key} | {old:,.0f} | {new:,.0f} | {new / old - 1:.1%} | {REASONS.get(key, 'none: to be mended')} |"
              for key, old, new in found]
    return head + "\n".join(lines) + "\n"
