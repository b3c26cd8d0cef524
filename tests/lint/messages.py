#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Checks that docs/users/troubleshooting.md explains each message that the module can put into the kernel's log.

Messages are the formats of pr_*() and panic() in linux/, those of nest_port_info() and nest_port_debug() in the core, and what
the refusal of a machine returns (kvm/vm/machine.cpp). An entry is a heading of level 3 below the heading "The module's
messages": the message in backticks, with some word in the place of each conversion. Prints each message without an entry, and
each entry without a message; exit status 1 if there is one.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs/users/troubleshooting.md"
SECTION = "## The module's messages\n"
REFUSAL = ROOT / "kvm/vm/machine.cpp"
CORE = ["arch", "base", "kvm", "nested", "stage2", "timer", "vgic", "vhe", "vncr"]
LITERALS = r'\(\s*((?:"(?:[^"\\]|\\.)*"\s*)+)'
GLUE_CALL = re.compile(r"\b(?:pr_(?:emerg|alert|crit|err|warn|notice|info)(?:_once|_ratelimited)?|panic)" + LITERALS)
CORE_CALL = re.compile(r"\bnest_port_(?:info|debug)" + LITERALS)
RETURNED = re.compile(r'\breturn\s+((?:"(?:[^"\\]|\\.)*"\s*)+);')
CONVERSION = re.compile(r"%(?:p[A-Za-z]*|[-+ #0]*\d*(?:hh|h|ll|l|z)?[diouxXsc])")


def joined(literals: str) -> str:
    """The text of adjacent string literals, without the module's own prefix and the newline."""
    text = "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', literals))
    return text.removesuffix("\\n").removeprefix("nestvisor: ")


def sources(folders: list[str], suffixes: set[str]) -> Iterator[Path]:
    for folder in folders:
        yield from sorted(file for file in (ROOT / folder).rglob("*") if file.suffix in suffixes)


def messages() -> dict[str, str]:
    """Format -> the file that has it. One that is a conversion alone passes on what another says."""
    found = {}
    for call, files in ((GLUE_CALL, sources(["linux"], {".c", ".h"})), (CORE_CALL, sources(CORE, {".cpp", ".hpp"})),
                        (RETURNED, [REFUSAL])):
        for file in files:
            for literals in call.findall(file.read_text()):
                found.setdefault(joined(literals), str(file.relative_to(ROOT)))
    return {text: file for text, file in found.items() if CONVERSION.sub("", text).strip()}


def entries() -> set[str]:
    section = DOCUMENT.read_text().partition(SECTION)[2].partition("\n## ")[0]
    return set(re.findall(r"^### `([^`]+)`$", section, re.M))


def pattern(text: str) -> re.Pattern[str]:
    """Matches an entry for the format."""
    return re.compile(".+".join(re.escape(part) for part in CONVERSION.split(text)))


def main() -> int:
    said, explained = messages(), entries()
    name = DOCUMENT.relative_to(ROOT)
    wrong = [f"{file}: no entry in {name} for: {text}" for text, file in said.items()
             if not any(pattern(text).fullmatch(entry) for entry in explained)]
    wrong += [f"{name}: nobody says: {entry}" for entry in sorted(explained)
              if not any(pattern(text).fullmatch(entry) for text in said)]
    for line in wrong:
        print(line)
    print(f"{len(said)} messages, {len(explained)} entries")
    return 1 if wrong or not said else 0


if __name__ == "__main__":
    sys.exit(main())
