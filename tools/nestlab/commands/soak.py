# SPDX-License-Identifier: GPL-2.0-only
"""Repetitions and long loads (tests/boot/soak.toml), each with a limit of its own.

Broken off, it goes on with the next entry when started again (state: build/soak/); a new module starts it anew.
Each result goes to docs/conformance.md as it comes.
"""

import argparse
import time

from nestlab import say
from nestlab.setup import kernels, module
from nestlab.tests import conformance, results, soak


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--fresh", action="store_true", help="forget what an earlier run has done")
    parser.add_argument("--only", metavar="GLOB", default="*", help="such entries only, as in 'host-*' or 'host-acpi@max'; the document keeps the others' results")
    parser.add_argument("--jobs", metavar="N", type=int, choices=range(1, 9), default=1, help="machines side by side (default: 1); an L0 whose kernel checks idles a third of its time")


def run(args: argparse.Namespace) -> int:
    entries = soak.names(args.only)
    version = kernels.choose("6.12")
    file = module.artefact(version)
    if not file.exists():
        module.build(version)
    header = {"kernel": version, "date": time.strftime("%Y-%m-%d")}
    report = results.Report()
    for entry, came, remembered in soak.run(entries, soak.stamp(file), args.fresh, args.jobs):
        if remembered:
            say.step(f"done before: {entry}")
        report.add(*came)
        results.save(conformance.SOAK, header, soak.merged(conformance.SOAK, [entry], came))
        conformance.write()
    if args.only == "*":
        soak.finished()
    return report.close()
