# SPDX-License-Identifier: GPL-2.0-only
"""A prompt in L0 (Debian's kernel at EL2 with the module loaded), or one command there.

With --exec the command's output is stdout and its exit status is ours (124: time is up).
"""

import argparse
import subprocess
from dataclasses import replace
from pathlib import Path

from nestlab import say
from nestlab.commands import options
from nestlab.machine import job
from nestlab.machine.boot import Boot
from nestlab.machine.machine import Disk
from nestlab.setup import clients, xen
from nestlab.tests import boottests


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--exec", metavar="CMD", help="run this shell command in L0 and power off")
    parser.add_argument("--kernel", metavar="V", help="L0's kernel: 6.12 (default), 7.2 or a full version")
    parser.add_argument("--no-module", action="store_true", help="do not take the module along")
    parser.add_argument("--no-load", action="store_true", help="take the module along ($LAB_MODULE) but do not load it")
    parser.add_argument("--module", type=Path, metavar="FILE", help="this module instead of build/<V>/nestvisor.ko")
    parser.add_argument("--dir", type=Path, metavar="HOSTDIR", help="a copy of this folder is seen at /mnt/share, read-only")
    disk = parser.add_mutually_exclusive_group()
    disk.add_argument("--clients", action="store_true", help="take Debian's clients along (QEMU 10.0, libvirt, …: client.sh CMD)")
    disk.add_argument("--xen", action="store_true", help="take Debian's Xen along (xen.sh)")
    parser.add_argument("--el1", action="store_true", help="a machine without EL2")
    parser.add_argument("--timeout", type=float, default=600, metavar="S", help="limit for --exec (default: 600 s)")
    options.add_machine(parser)


def disk_of(args: argparse.Namespace) -> Disk | None:
    image = clients.image() if args.clients else xen.image() if args.xen else None
    return Disk(image, "lab-disk") if image else None


def run(args: argparse.Namespace) -> int:
    wants_default = not (args.no_module or args.module)
    kernel, file = options.l0(args.peer, args.kernel, wants_default)
    boot = Boot(options.machine(args, el2=not args.el1), kernel, module=args.module or file, load=not args.no_load,
                share=args.dir, disk=disk_of(args), scripts=boottests.scripts())
    if args.exec is not None:
        return job.run(replace(boot, job=args.exec + "\n"), args.timeout, say.result)
    with boot.command() as argv:
        return subprocess.call(argv)
