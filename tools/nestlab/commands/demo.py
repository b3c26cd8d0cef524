# SPDX-License-Identifier: GPL-2.0-only
"""Builds the module, boots L0 at EL2, loads it and runs Linux guests on it; closes with a summary.

Guests are Debian's unchanged cloud kernels under QEMU 11 with -accel kvm, each to user space, a disk test and power-off;
two of them run at virtual EL2 and start a guest of their own.
With --peer the same on Linux 7.2's own KVM.
"""

import argparse
import time

from nestlab import say
from nestlab.commands import options
from nestlab.machine import campaign
from nestlab.machine.boot import Boot
from nestlab.machine.campaign import Outcome
from nestlab.setup import module
from nestlab.tests import boottests, judge, levels
from nestlab.tests.results import FAIL, Result


def add(parser: argparse.ArgumentParser) -> None:
    options.add_machine(parser)


def run(args: argparse.Namespace) -> int:
    started = time.monotonic()
    if not args.peer:
        say.step("building the module")
        module.build()
    kernel, file = options.l0(args.peer)
    what = "its own KVM" if args.peer else "nestvisor.ko"
    boot = Boot(options.machine(args), kernel, file, scripts=boottests.scripts())
    acts = {act.title: act for act in levels.PROGRAMME}
    say.step(f"booting L0: Linux {kernel.version} at EL2 with {what}")
    rows, exits = [], []
    for outcome in campaign.run([*(act.item() for act in levels.PROGRAMME), levels.EXITS], boot, "demo"):
        if outcome.item.name == levels.EXITS.name:
            exits = outcome.output
            continue
        found = judge.verdicts(outcome, outcome.item.name)
        rows.append((acts[outcome.item.name], outcome, found))
        for result in found:
            say.step(str(result))
    summary(rows, exits, f"Linux {kernel.version} with {what}, -cpu {args.cpu}, {args.smp} CPUs", time.monotonic() - started)
    complete = len(rows) == len(levels.PROGRAMME)
    return int(not complete or any(result.verdict == FAIL for _, _, found in rows for result in found))


def summary(rows: list[tuple[levels.Act, Outcome, list[Result]]], exits: list[str], l0: str, seconds: float) -> None:
    """What ran, where, for how long, and whether L0's log is clean."""
    say.result("")
    say.result(f"L0: {l0}")
    for act, outcome, found in rows:
        good = all(result.verdict != FAIL for result in found)
        say.result(f"{'works' if good else 'FAILS':6} {act.level}  {act.title:30} {outcome.seconds:6.1f} s")
        for line in outcome.output:
            if ": GUEST kernel" in line:
                say.result(f"         {line.split('GUEST kernel ')[1]}")
        for result in found:
            if result.verdict == FAIL:
                say.result(f"         {result.reason}")
    alarms = [line for _, outcome, _ in rows for line in outcome.log if judge.alarm([line])]
    say.result("L0's log: " + (f"{len(alarms)} alarming lines, the first: {alarms[0]}" if alarms else "clean"))
    say.result("exits by reason:" if exits else "exits by reason: not counted here")
    for line in exits:
        say.result(f"  {line}")
    say.result(f"{seconds:.0f} s in all")
