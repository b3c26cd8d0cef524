# SPDX-License-Identifier: GPL-2.0-only
"""rich, which only what draws needs: where it is missing, everything else still works."""

from typing import TYPE_CHECKING

from nestvisor.errors import UserError

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

PIPE_COLUMNS = 160              # where the output is no terminal


def console() -> "Console":
    try:
        from rich.console import Console
    except ImportError as error:
        raise UserError("this needs python3-rich: apt install python3-rich") from error
    found = Console(highlight=False)
    return found if found.is_terminal else Console(highlight=False, width=PIPE_COLUMNS)


def titled(title: str, *what: "RenderableType") -> "RenderableType":
    """A heading and what is below it. It may be wider than that, and a guest's name in it is no markup."""
    from rich.console import Group
    from rich.text import Text
    return Group(Text(title, "bold"), *what)


def table(left: list[str], right: list[str]) -> "Table":
    """An empty table; columns of names are set to the left, those of numbers to the right."""
    from rich.table import Table
    found = Table(box=None, pad_edge=False)
    for name in left:
        found.add_column(name, no_wrap=True, overflow="fold")
    for name in right:
        found.add_column(name, justify="right", no_wrap=True, overflow="fold")
    return found
