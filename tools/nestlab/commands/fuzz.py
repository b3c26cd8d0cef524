# SPDX-License-Identifier: GPL-2.0-only
"""Random sequences of what a VMM can do (tests/fuzz_kvm), on ours or (--peer) on Linux's own KVM.

What follows `--` goes to the program: --seed S, --count N, --seconds T, --replay S; without, it fuzzes for a minute.
"""

import argparse
import shlex

from nestlab import say
from nestlab.commands import options
from nestlab.machine import job
from nestlab.machine.boot import Boot
from nestlab.tests import fuzz_kvm

PROGRAM = "/mnt/share/fuzz/fuzz_kvm"


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--nv2", choices=["0", "1"], default="1", help="the module's parameter: 0 traps each access to EL2")
    parser.add_argument("--limit", type=float, default=3600, metavar="S", help="seconds that it may take (default: 3600)")
    options.add_machine(parser)
    parser.add_argument("words", nargs="*", metavar="WORD", help="of the program's own, after --")


def run(args: argparse.Namespace) -> int:
    kernel, file = options.l0(args.peer)
    traps = file and args.nv2 == "0"
    script = ("insmod $LAB_MODULE nv2=0\n" if traps else "") + shlex.join([PROGRAM, *args.words]) + "\n"
    boot = Boot(options.machine(args), kernel, module=file, load=not traps, job=script, share=fuzz_kvm.get())
    return job.run(boot, args.limit, say.result)
