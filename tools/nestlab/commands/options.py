# SPDX-License-Identifier: GPL-2.0-only
"""Options that several subcommands share, and what they mean."""

import argparse
from pathlib import Path

from nestlab.machine import boot
from nestlab.machine.machine import CPU_MODELS, FIRMWARES, Machine
from nestlab.setup import kernels, module


def add_cpu(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cpu", choices=CPU_MODELS, default="max", help="CPU model (default: max)")


def add_machine(parser: argparse.ArgumentParser) -> None:
    add_cpu(parser)
    parser.add_argument("--smp", type=int, default=2, metavar="N", help="L0's CPUs (default: 2)")
    parser.add_argument("--mem", default="4G", metavar="M", help="L0's memory (default: 4G)")
    parser.add_argument("--firmware", choices=FIRMWARES, default="none", help="what starts L0: nothing, with a device tree, or "
                        "uefi, with ACPI's tables (default: none)")
    parser.add_argument("--append", default="", metavar="WORDS", help="more words for L0's kernel command line")
    parser.add_argument("--icount", action="store_true", help="count instructions: 1 ns is 1 instruction, one thread")
    parser.add_argument("--peer", action="store_true", help="Linux 7.2's own nested KVM as L0, without the module")


def machine(args: argparse.Namespace, **more) -> Machine:
    """The machine that the options describe."""
    return Machine(cpu=args.cpu, smp=args.smp, mem=args.mem, append=args.append, firmware=args.firmware, icount=args.icount,
                   kvm_mode="nested" if args.peer else "none", **more)


def l0(peer: bool, wanted: str | None = None, with_module: bool = True) -> tuple[kernels.Kernel, Path | None]:
    """L0's kernel and the module to load; a module that was never built is built now."""
    if peer:
        return kernels.get(wanted or boot.PEER_KERNEL, "cloud-arm64"), None
    kernel = kernels.get(wanted or "6.12")
    if not with_module:
        return kernel, None
    file = module.artefact(kernel.version)
    return kernel, file if file.exists() else module.build(kernel.version)
