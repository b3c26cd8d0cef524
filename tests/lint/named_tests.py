#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Checks that each test which docs/nested-tests.md names exists: a promise without a test would look kept.

Names are: Suite.Test and Suite.*; a suite or a test alone, of three words or more (no acronym), in camel case; in backticks, a bare-metal case
(`*` and `…` stand for anything), a folder of tests/unit, or fuzz_<target>. Prints each that is missing; exit status 1 if
there is one.
"""

import re
import sys
from fnmatch import fnmatchcase
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs/nested-tests.md"
TEST = re.compile(r"^TEST(?:_F|_P)?\((\w+),\s*(\w+)\)", re.M)
CASE = re.compile(r'CASE\(\w+,\s*"([^"]+)"')
CAMEL = r"(?:[A-Z][a-z0-9]*)"


def host_tests() -> set[str]:
    found = set()
    for source in (ROOT / "tests/unit").rglob("*.cpp"):
        for suite, test in TEST.findall(source.read_text()):
            found |= {suite, test, f"{suite}.{test}", f"{suite}.*"}
    return found


def missing(text: str) -> list[str]:
    tests = host_tests()
    cases = set(CASE.findall((ROOT / "tests/guests/cases.def").read_text()))
    plain = re.sub(r"`[^`]*`", " ", text)
    wanted = set(re.findall(rf"\b{CAMEL}+\.(?:{CAMEL}+|\*)", plain))
    wanted |= {w for w in re.findall(rf"(?<![\w.]){CAMEL}{{3,}}(?![\w.])", plain) if len(re.findall("[a-z]", w)) > 7}
    wrong = sorted(w for w in wanted if w not in tests)
    for name in sorted(set(re.findall(r"`([^`\s]+)`", text))):
        if re.fullmatch(r"[a-z0-9*…]+(-[a-z0-9*…]+)+", name):
            pattern = name.replace("…", "*")
            if not any(fnmatchcase(case, pattern) for case in cases):
                wrong.append(name)
        elif name.startswith("fuzz_") and not (ROOT / f"tests/fuzz/{name[5:]}.cpp").exists():
            wrong.append(name)
        elif re.fullmatch(r"(nested|kvm)/[a-z0-9_]+", name) and not (ROOT / f"tests/unit/{name}").is_dir():
            wrong.append(name)
    return wrong


def main() -> int:
    wrong = missing(DOCUMENT.read_text())
    for name in wrong:
        print(f"{DOCUMENT.relative_to(ROOT)}: there is no test {name}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
