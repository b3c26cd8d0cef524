# SPDX-License-Identifier: GPL-2.0-only
"""Can this machine run guests, and guests that are hypervisors?

A line for each thing that is needed: OK, NO, or ? where it cannot be told,
and what to do. As root it can tell more. Exit status:
  0  all is there that guests and nested guests need
  1  guests, but no nested ones
  2  no guests
  3  cannot tell
"""

import argparse
import json
import shutil
import sys
import textwrap

from nestvisor.check import machine_check
from nestvisor.check.line import MEANING, Line, status
from nestvisor.machine.sources import Sources

NAME, VERDICT = 16, 4           # columns


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="the same for programs, with the exit status")


def show(line: Line, width: int) -> str:
    """One line, and the advice below it. Only a terminal breaks lines."""
    text = f"{line.name:{NAME}}{line.verdict:{VERDICT}}"
    indent = " " * len(text)
    found = textwrap.fill(line.found, width, initial_indent=text, subsequent_indent=indent, break_long_words=False)
    if not line.advice:
        return found
    return found + "\n" + textwrap.fill(f"do: {line.advice}", width, initial_indent=indent, subsequent_indent=indent + "    ",
                                        break_long_words=False, break_on_hyphens=False)


def run(args: argparse.Namespace, sources: Sources) -> int:
    lines = list(machine_check.lines(sources))
    result = status(lines)
    if args.json:
        print(json.dumps({"lines": [line._asdict() for line in lines], "meaning": MEANING[result], "status": result}, indent=2))
        return result
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 1000
    for line in lines:
        print(show(line, width))
    print(f"\n{MEANING[result]}")
    return result
