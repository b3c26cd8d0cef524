#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Checks every row of arch/sysregs.def, and of what it includes, against the assembler: a name that it knows must have the
row's encoding.

Names that this assembler does not know yet are counted, not failed; but at least three quarters must be known.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
AS = "aarch64-linux-gnu-as"
MARCH = "armv8.6-a+sve+sme+memtag+profile+rng+pauth"


def assemble(lines: list[str]) -> tuple[list[int], set[int]]:
    """The instruction words of the lines that assemble, in order, and the numbers of those that do not."""
    refused: set[int] = set()
    with tempfile.TemporaryDirectory() as folder:
        source, target, raw = (Path(folder, n) for n in ("a.s", "a.o", "a.bin"))
        for _ in range(2):  # once to learn what is unknown, once without it
            source.write_text("".join(("nop" if i in refused else l) + "\n" for i, l in enumerate(lines)))
            done = subprocess.run([AS, f"-march={MARCH}", "-o", target, source], capture_output=True, text=True)
            if done.returncode == 0:
                break
            refused |= {int(n) - 1 for n in re.findall(r"a\.s:(\d+): Error", done.stderr)}
        subprocess.run(["aarch64-linux-gnu-objcopy", "-O", "binary", "-j", ".text", target, raw], check=True)
        data = raw.read_bytes()
    return [int.from_bytes(data[i : i + 4], "little") for i in range(0, len(data), 4)], refused


def text_of(table: str) -> str:
    """The table's text, with that of the files that it includes in their places."""
    text = (ROOT / table).read_text()
    return re.sub(r"^#include <([^>]+)>$", lambda m: text_of(m.group(1)), text, flags=re.M)


def main() -> int:
    table = text_of("arch/sysregs.def")
    rows = re.findall(r"^SYSREG\((\w+),\s*(\d+),\s*(\d+),\s*(\d+),\s*(\d+),\s*(\d+),", table, re.M)
    # A write-only register has no MRS: the MSR form differs in one bit, which the comparison leaves out.
    by_name, refused = assemble([f"mrs x0, {r[0]}" for r in rows])
    written, refused_write = assemble([f"msr {r[0]}, x0" for r in rows])
    bad = known = 0
    for i, (name, *enc) in enumerate(rows):
        op0, op1, crn, crm, op2 = map(int, enc)
        expected = (op0 & 1) << 19 | 1 << 20 | op1 << 16 | crn << 12 | crm << 8 | op2 << 5
        if i in refused and i in refused_write:
            continue
        known += 1
        word = written[i] if i in refused else by_name[i]
        if word & 0x1FFFE0 != expected:
            print(f"{name}: the table says {expected:#x}, the assembler {word & 0x1fffe0:#x}")
            bad += 1
    print(f"{len(rows)} rows, {known} known to the assembler, {bad} wrong")
    return 1 if bad or known * 4 < len(rows) * 3 else 0


if __name__ == "__main__":
    sys.exit(main())
