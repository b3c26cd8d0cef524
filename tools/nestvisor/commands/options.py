# SPDX-License-Identifier: GPL-2.0-only
"""Options that several subcommands share, and what they mean."""

import argparse
import math
from typing import TypeVar

from nestvisor.errors import UserError

Vm = TypeVar("Vm")


def seconds(text: str) -> float:
    value = float(text)
    if not (math.isfinite(value) and value > 0):
        raise ValueError(text)
    return value


def count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError(text)
    return value


def add_vm(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--vm", type=int, metavar="N", help="this VM only, by the number that `nestvisor stat` shows")


def chosen(vms: dict[int, Vm], wanted: int | None) -> dict[int, Vm]:
    """The VMs to show; to name one that does not exist is an error, to have none is not."""
    if wanted is None:
        return vms
    if wanted not in vms:
        there = f"there are {', '.join(map(str, vms))}" if vms else "there is none"
        raise UserError(f"no VM {wanted}: {there}")
    return {wanted: vms[wanted]}
