# SPDX-License-Identifier: GPL-2.0-only
"""Shadow stage 2 of nested guests: which memory of L1 each L2 sees.

A row for each piece of a shadow: L2's IPA, L1's IPA of the same memory (-: the
VM's stage 2 does not map it now), the physical address, size, access
(read, write, execute) and kind of memory. Needs root.
"""

import argparse
import json

from nestvisor.commands import options
from nestvisor.machine import vmm
from nestvisor.machine.sources import Sources
from nestvisor.read import shadows, vms
from nestvisor.show import shadow_table, terminal


def add(parser: argparse.ArgumentParser) -> None:
    options.add_vm(parser)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--summary", action="store_true", help="a row for each shadow: what it maps in all")
    form.add_argument("--json", action="store_true", help="everything, with memslots and stage 2, as JSON")


def run(args: argparse.Namespace, sources: Sources) -> int:
    # A VM without memory has no line among the shadows.
    known = vms.parse(sources.debug_text("vms"))
    mapped = shadows.parse(sources.debug_text("shadows"))
    found = options.chosen({number: mapped.get(number) or shadows.Vm(number) for number in sorted({*known, *mapped})}, args.vm)
    if args.json:
        print(json.dumps({"vms": [shadow_table.as_json(vm) for vm in found.values()]}, indent=2))
        return 0
    console = terminal.console()
    for number, vm in found.items():
        tables = (shadow_table.summary if args.summary else shadow_table.whole)(vm)
        console.print(terminal.titled(vmm.find(sources, known[number].pid if number in known else 0).title(number), *tables))
    if not any(vm.shadows for vm in found.values()):
        console.print("no shadow: no nested guest has run")
    return 0
