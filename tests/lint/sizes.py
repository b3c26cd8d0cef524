#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Keeps files and functions small enough to be read in one go.

Of all C, C++ and assembly files: the median has at most 120 lines, nine in ten 250, none more than 400. No function has more
than 60 lines, and no statement in it lies inside more than four others. `sizes.py` prints what is larger, and the figures;
exit status 1 if a rule is broken.
"""

import re
import statistics
import sys
from pathlib import Path
from typing import Iterator, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = "port base arch vncr stage2 vgic timer vhe nested kvm linux tests benchmarks".split()
SUFFIXES = {".c", ".h", ".cpp", ".hpp", ".S", ".def"}
MEDIAN, NINE_IN_TEN, LONGEST = 120, 250, 400
FUNCTION, NESTING = 60, 4

CONTROL = re.compile(r"(if|for|while|switch|do|else)\b")
# What opens a brace without being a function.
SCOPE = re.compile(r"\b(namespace|class|struct|union|enum|extern \"C\")\b[^()]*$")


class Function(NamedTuple):
    line: int
    lines: int
    nesting: int


def without_text(source: str) -> str:
    """The source with its comments, strings and character literals blanked, line by line."""
    pattern = r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])\''
    return re.sub(pattern, lambda m: re.sub(r"[^\n]", " ", m.group(0)), source, flags=re.S)


def functions(source: str, level: int) -> Iterator[Function]:
    """Each function with a body on lines of its own. `level`: columns (C++) or tabs (C) of one level."""
    lines = without_text(source).split("\n")
    number = 0
    while number < len(lines):
        first = start_of_head(lines, number)
        number += 1
        if first is None:
            continue
        margin = len(lines[first]) - len(lines[first].lstrip())
        closing = lines[first][:margin] + "}"
        end = next((n for n in range(number, len(lines)) if lines[n].startswith(closing)), len(lines))
        deepest = 0
        for line in lines[number:end]:
            text = line.lstrip()
            if CONTROL.match(text.removeprefix("} ")):
                deepest = max(deepest, (len(line) - len(text) - margin) // level)
        yield Function(first + 1, end - number, deepest)
        number = end + 1


def start_of_head(lines: list[str], at: int) -> int | None:
    """The first line of the function whose body opens at the end of this line; None if no function does."""
    if not lines[at].rstrip().endswith("{"):
        return None
    head = lines[at].rstrip()[:-1]
    while at and lines[at - 1].strip() and not re.search(r"[;{}:]\s*$|^\s*#", lines[at - 1]):
        at -= 1
        head = lines[at] + " " + head
    if SCOPE.search(head) or "(" not in head or "=" in head.split("(")[0] or CONTROL.match(head.strip().removeprefix("} ")):
        return None
    return at


def main() -> int:
    bad, sizes = 0, []
    for file in sorted(f for folder in FOLDERS for f in (ROOT / folder).rglob("*") if f.suffix in SUFFIXES):
        source = file.read_text()
        lines = source.count("\n")
        sizes.append(lines)
        name = file.relative_to(ROOT)
        if lines > LONGEST:
            print(f"{name}: {lines} lines")
            bad += 1
        if file.suffix in {".S", ".def"}:
            continue
        for f in functions(source, 1 if file.suffix in {".c", ".h"} and name.parts[0] in {"linux", "port"} else 4):
            if f.lines > FUNCTION:
                print(f"{name}:{f.line}: a function of {f.lines} lines")
            if f.nesting > NESTING:
                print(f"{name}:{f.line}: statements inside {f.nesting} others")
            bad += (f.lines > FUNCTION) + (f.nesting > NESTING)
    sizes.sort()
    median, ninth = statistics.median(sizes), sizes[len(sizes) * 9 // 10]
    print(f"{len(sizes)} files: median {median:.0f} lines, nine in ten at most {ninth}, the longest {sizes[-1]}")
    return 1 if bad or median > MEDIAN or ninth > NINE_IN_TEN else 0


if __name__ == "__main__":
    sys.exit(main())
