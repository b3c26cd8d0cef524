# SPDX-License-Identifier: GPL-2.0-only
"""Exits a second of each VM, vCPU and level, by exception class.

Levels: EL1, a guest's kernel without EL2; vEL2, a guest hypervisor; L2, the
guest of that one; any, where the level is not counted. Needs root.
--json and --prometheus print what was counted since each VM began, once.
"""

import argparse
import contextlib
import json
import time

from nestvisor.commands import options
from nestvisor.machine import vmm
from nestvisor.machine.sources import Sources
from nestvisor.read import rates, vms
from nestvisor.show import prometheus, stat_json, stat_table, terminal

INTERVAL = 1.0


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--interval", type=options.seconds, metavar="S", help="seconds from one reading to the next (default: 1)")
    parser.add_argument("--count", type=options.count, metavar="N", help="end after so many intervals (default: never)")
    once = parser.add_mutually_exclusive_group()
    once.add_argument("--json", action="store_true", help="counters as JSON")
    once.add_argument("--prometheus", action="store_true", help="counters in Prometheus' text format")
    options.add_vm(parser)


def read(args: argparse.Namespace, sources: Sources) -> dict[int, vms.Vm]:
    return options.chosen(vms.parse(sources.debug_text("vms")), args.vm)


def once(args: argparse.Namespace, sources: Sources) -> int:
    found = [(vm, vmm.find(sources, vm.pid)) for vm in read(args, sources).values()]
    if args.prometheus:
        print(prometheus.text(found), end="")
    else:
        print(json.dumps({"time": time.time(), "vms": [stat_json.vm(*each) for each in found]}, indent=2))
    return 0


def live(args: argparse.Namespace, sources: Sources) -> int:
    """On a terminal in place; else one picture after the other. To be interrupted is the usual end."""
    before, then = read(args, sources), time.monotonic()
    console = terminal.console()
    from rich.console import Group
    from rich.live import Live
    left = args.count
    with Live(console=console, auto_refresh=False) as display, contextlib.suppress(KeyboardInterrupt):
        while left is None or left > 0:
            time.sleep(args.interval or INTERVAL)
            after, now = read(args, sources), time.monotonic()
            tables = [terminal.titled(vmm.find(sources, vm.pid).title(number),
                                      stat_table.table(rates.rows(before.get(number), vm, now - then), console.width))
                      for number, vm in after.items()]
            picture = Group(*tables) if tables else "no VM"
            if console.is_terminal:
                display.update(picture, refresh=True)
            else:
                console.print(picture)
                console.print()
            before, then = after, now
            left = None if left is None else left - 1
    return 0


def run(args: argparse.Namespace, sources: Sources) -> int:
    if not (args.json or args.prometheus):
        return live(args, sources)
    if args.interval or args.count:
        args.parser.error("--interval and --count are for the display: --json and --prometheus print once")
    return once(args, sources)
