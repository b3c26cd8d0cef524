#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Checks every include edge of the core against the order of the layers (docs/architecture.md).

An include only ever points down; the mechanisms stage2, vgic and timer do not include each other; only linux/ includes
kernel headers. <port/port.h> is the seam to the operating system and may be included from anywhere; entry.h is what
kvm/ implements. Prints each edge that breaks the order; exit status 1 if there is one.
"""

import re
import sys
from pathlib import Path

LEVEL = {"arch": 0, "vncr": 1, "stage2": 2, "vgic": 2, "timer": 2, "vhe": 3, "nested": 4, "kvm": 5, "linux": 6}
SEAMS = {"port/port.h"}
STANDARD = set(
    "version cstddef cstdint limits new initializer_list type_traits concepts compare bit utility tuple array span optional".split()
)
# Where the host build puts a fake in the machine's place; guarded by NEST_MODULE.
FAKES = {("kvm/cpu/cpu.hpp", "tests/fake/cpu.hpp"), ("kvm/cpu/pacga.hpp", "tests/fake/pacga.hpp")}


def broken(source: str, target: str) -> str | None:
    """The reason why the file `source` must not include <target>, or None."""
    layer = source.split("/")[0]
    if target in SEAMS or (source, target) in FAKES:
        return None
    if layer == "kvm" and target == "port/entry.h":
        return None
    head = target.split("/")[0]
    if "/" not in target:
        return None if target in STANDARD else "only freestanding standard headers"
    if head not in LEVEL:
        return "not a folder of the core"
    if head == layer:
        return None
    return None if LEVEL[head] < LEVEL[layer] else "points up or sideways"


def main() -> int:
    root = Path(__file__).resolve().parents[2]
    edges, bad = 0, 0
    for layer in LEVEL:
        if layer == "linux":
            continue
        for file in sorted((root / layer).rglob("*")):
            if file.suffix not in {".hpp", ".cpp", ".def", ".S"}:
                continue
            source = file.relative_to(root).as_posix()
            for number, line in enumerate(file.read_text().splitlines(), 1):
                match = re.match(r'\s*#\s*include\s+[<"]([^>"]+)[>"]', line)
                if not match:
                    continue
                edges += 1
                reason = broken(source, match.group(1))
                if reason:
                    print(f"{source}:{number}: <{match.group(1)}>: {reason}")
                    bad += 1
    print(f"{edges} include edges, {bad} against the order")
    return 1 if bad or not edges else 0


if __name__ == "__main__":
    sys.exit(main())
