# SPDX-License-Identifier: GPL-2.0-only
"""The bare-metal guests of tests/guests: each mechanism of nesting by itself, ours or (--peer) Linux's own.

A line PASS, FAIL or SKIP for each case, and the exit status of the program: 0 if none failed.
"""

import argparse
import shlex

from nestlab import say
from nestlab.commands import options
from nestlab.machine import job
from nestlab.machine.boot import Boot
from nestlab.tests import guests

PROGRAM = "/mnt/share/guests/nested_guests"
LIMIT = 1800            # seconds; the peer needs ten and more for each VM


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("case", nargs="*", help="names of cases, as shell patterns (default: all)")
    parser.add_argument("--list", action="store_true", help="name the cases and do nothing else")
    parser.add_argument("--nv2", choices=["0", "1"], default="1", help="the module's parameter: 0 traps each access to EL2")
    options.add_machine(parser)


def run(args: argparse.Namespace) -> int:
    kernel, file = options.l0(args.peer)
    traps = file and args.nv2 == "0"
    words = [PROGRAM, *(["--list"] if args.list else []), *args.case]
    script = ("insmod $LAB_MODULE nv2=0\n" if traps else "") + shlex.join(words) + "\n"
    boot = Boot(options.machine(args), kernel, module=file, load=not traps, job=script, share=guests.get())
    return job.run(boot, LIMIT, say.result)
