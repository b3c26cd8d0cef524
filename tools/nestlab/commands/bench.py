# SPDX-License-Identifier: GPL-2.0-only
"""What an exit costs, in instructions (benchmarks/exit_latency), ours or (--peer) Linux's own KVM.

With --nested also inside a Linux L1. Operations whose names end in -qemu have QEMU 11 as the VMM, all others a small
one of the benchmark's own. Results go to docs/performance/ (JSON), docs/performance.md, which shows the last run of
each side, and build/bench/performance.html with plots. The exit status is 1 where something could not be measured.

With --boots it measures something else: L0 → L1 → L2 from start to power-off, ours and Linux's own KVM in turn, in
seconds by the clock on the wall. Leave the computer alone meanwhile.

With --neve it counts how often a guest of L1 makes a CPU come back to L0, and the instructions: of a Linux L1 with the
module's parameter nv2=0 and nv2=1 and without VHE, and of Xen.
"""

import argparse
import time

from nestlab import say
from nestlab.bench import boot_times, doc, figures, function_counts, neve, page, reference, runner, vmm
from nestlab.bench.figures import Run
from nestlab.commands import options
from nestlab.errors import LabError
from nestlab.setup import xen
from nestlab.setup.kernels import Kernel


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--peer", action="store_true", help="Linux 7.2's own nested KVM as L0, without the module")
    parser.add_argument("--nested", action="store_true", help="measure inside a Linux L1, too (the peer takes an hour there)")
    parser.add_argument("--neve", action="store_true",
                        help="FEAT_NV2 on and off, no VHE in a Linux L1, Xen as L1: exits to L0 and instructions (a quarter of an hour)")
    options.add_cpu(parser)
    parser.add_argument("--functions", action="store_true",
                        help="for each goal that is missed, count the instructions by function, too")
    parser.add_argument("--only", metavar="GLOB", help="only operations of such names (flat/hypercall, …); keeps no "
                        "result but that of 'flat/*-qemu'")
    parser.add_argument("--boots", metavar="N", type=int, nargs="?", const=3,
                        help="boot N pairs of nested guests instead (default: 3); five to ten minutes a pair")


def run(args: argparse.Namespace) -> int:
    if args.boots is not None:
        return boots(args)
    if args.neve:
        return compare_nv2(args)
    kernel, file = options.l0(args.peer)
    found = []
    for nested in [False, True] if args.nested else [False]:
        run = Run("peer" if args.peer else "ours", args.cpu, nested)
        rows = {}
        if runner.chosen(run, args.only) or not vmm.chosen(args.only):
            text = runner.measure(run, kernel, file, args.only)
            rows = {(row.mode, row.name): row for row in figures.parse(text)}
            if not args.only:
                figures.save(run, header(kernel), text)
            if args.functions and run.side == "ours":
                function_counts.measure_missed(run, kernel, file, rows)
        found.append((run, rows | vmm.measure(run, kernel, file, args.only)))
    for run, rows in found:
        for line in doc.terminal(run, rows):
            say.result(line)
        if run.side == "ours":
            for miss in figures.misses(run, rows):
                say.result(f"missed: {miss}")
            if run.cpu == "max":
                for name, then, now in reference.dearer({run: rows}):
                    say.result(f"dearer: {name}: {now:,.0f} instructions, {then:,.0f} in the record")
    if not args.only or vmm.keeps(args.only):
        say.step(f"wrote {doc.write()} and {page.write()}")
    return int(any(row.error and (run.side, f"{row.mode}/{row.name}") not in runner.LEFT_OUT
                   for run, rows in found for row in rows.values()))


def boots(args: argparse.Namespace) -> int:
    if args.boots < 1 or args.peer or args.nested or args.functions or args.only:
        raise LabError("--boots wants a number of at least 1, and goes with --cpu only: it boots both sides")
    pairs = boot_times.measure(args.boots, args.cpu, {"ours": options.l0(False), "peer": options.l0(True)})
    say.result(boot_times.verdict(pairs))
    say.step(f"wrote {doc.write()}")
    return int(pairs.ratio() is None)


def compare_nv2(args: argparse.Namespace) -> int:
    if args.peer or args.nested or args.functions or args.only:
        raise LabError("--neve goes with --cpu only")
    kernel, file = options.l0(False)
    missing = 0
    for column in neve.COLUMNS:
        costs = neve.measure(kernel, file, args.cpu, column)
        missing += len(column.operations) - len(costs)
        if costs:
            neve.save(args.cpu, column, header(kernel) | ({"l1": f"Xen {xen.VERSION}"} if column.xen else {}), costs)
    say.step(f"wrote {doc.write()}")
    return int(missing > 0)


def header(kernel: Kernel) -> dict:
    """What a file of results says about its run."""
    return {"kernel": kernel.version, "l1": runner.L1_KERNEL, "date": time.strftime("%Y-%m-%d")}
