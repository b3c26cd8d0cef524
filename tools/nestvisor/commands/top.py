# SPDX-License-Identifier: GPL-2.0-only
"""The hottest exits: where guests leave to the hypervisor, and why.

Records each exit for some seconds, by the trace event nestvisor:exit, and
shows the places with most exits: VM, vCPU, level, exception class, guest's PC.
Interrupting it ends the recording early. Needs root; slows guests down while
it records.
"""

import argparse
import sys
import time

from nestvisor.commands import options
from nestvisor.machine import vmm
from nestvisor.machine.sources import Sources
from nestvisor.machine.tracing import Instance, Signals
from nestvisor.read import vms
from nestvisor.read.exits import Tally
from nestvisor.show import terminal, top_table

SECONDS, PAUSE, ROWS = 5.0, 0.05, 20


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seconds", type=options.seconds, default=SECONDS, metavar="S", help="how long to record (default: 5)")
    parser.add_argument("--folded", action="store_true", help="all places, as folded stacks for flame-graph tools")
    options.add_vm(parser)


def names(found: dict[int, vms.Vm], sources: Sources) -> dict[int, str]:
    return {number: vmm.find(sources, vm.pid).label(number) for number, vm in found.items()}


def record(args: argparse.Namespace, sources: Sources, tally: Tally) -> float:
    """Fills the tally; how many seconds it took."""
    with Signals() as signals, Instance(sources, args.vm) as trace:
        began = time.monotonic()
        while not signals.came and (left := began + args.seconds - time.monotonic()) > 0:
            piece = trace.read()
            tally.feed(piece)
            if not piece:
                time.sleep(min(PAUSE, left))
        trace.stop()
        seconds = time.monotonic() - began
        while piece := trace.read():
            tally.feed(piece)
    return seconds


def run(args: argparse.Namespace, sources: Sources) -> int:
    known = names(options.chosen(vms.parse(sources.debug_text("vms")), args.vm), sources)
    console = None if args.folded else terminal.console()
    tally = Tally(args.vm)
    seconds = record(args, sources, tally)
    if console:
        console.print(top_table.table(tally, seconds, ROWS))
    else:
        # A VM may end, or begin, while exits are recorded.
        known = names(vms.parse(sources.debug_text("vms")), sources) | known
        for line in top_table.folded(tally, lambda vm: known.get(vm, f"VM {vm}")):
            print(line)
    for remark in top_table.remarks(tally):
        print(f"nestvisor: {remark}", file=sys.stderr)
    return 0
