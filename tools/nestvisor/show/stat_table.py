# SPDX-License-Identifier: GPL-2.0-only
"""Rates of exits as tables, one for each VM."""

from typing import TYPE_CHECKING

from nestvisor.read.rates import Row, frequent
from nestvisor.show import terminal

if TYPE_CHECKING:
    from rich.table import Table

FIXED, COLUMN = 26, 12          # columns of the terminal for vCPU, level and sum; for a class


def rate(value: float) -> str:
    if not value:
        return ""
    return f"{value:.1f}" if value < 10 else f"{value:,.0f}"


def table(rows: list[Row], width: int) -> "Table":
    """Rare classes that find no room are summed up in one column. The others are by name, so that columns keep their places."""
    names = frequent(rows)
    room = max(1, (width - FIXED) // COLUMN)
    shown = sorted(names if len(names) <= room else names[:room - 1])
    rest = set(names) - set(shown)
    found = terminal.table(["vCPU", "level"], ["exits/s", *shown, *(["others"] if rest else [])])
    before = None
    for row in rows:
        others = [rate(sum(row.rates.get(name, 0) for name in rest))] if rest else []
        found.add_row("" if row.vcpu == before else str(row.vcpu), row.level, rate(row.total) or "0",
                      *(rate(row.rates.get(name, 0)) for name in shown), *others)
        before = row.vcpu
    return found
