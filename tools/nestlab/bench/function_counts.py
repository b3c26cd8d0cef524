# SPDX-License-Identifier: GPL-2.0-only
"""Which functions of the module an operation's instructions are spent in, from QEMU's trace of executed instructions."""

import bisect
import collections
import json
import re
import shlex
import tempfile
from dataclasses import dataclass
from pathlib import Path

from nestlab import proc, say
from nestlab.bench import exit_latency, figures, runner, trace
from nestlab.bench.trace import Instruction
from nestlab.errors import LabError
from nestlab.machine import job
from nestlab.machine.boot import Boot
from nestlab.setup.kernels import Kernel
from nestlab.tests import boottests, guests

LIMIT = {False: 300, True: 900}     # seconds for the job, in L0 and inside L1
KERNEL_HALF = 1 << 48       # where the kernels' half of the address space begins

# What is not the module's. "a guest": L2's payload, and inside L1 also the program that is its VMM.
USER, KERNEL, L1_KERNEL = "(a guest)", "(Linux in L0)", "(Linux in L1)"


@dataclass(frozen=True)
class Count:
    """Instructions of one operation, by function; those of other code under the names above."""

    operation: str
    total: int
    functions: dict[str, int]
    exits: int = 0      # of L0's: how often it came back from a guest


def count(operation: str, nested: bool, kernel: Kernel, module: Path, cpu: str, median: float) -> Count:
    """One operation whose length is the benchmark's median; LabError if none was seen."""
    folder = exit_latency.get()
    loop = f"cd {runner.FOLDER[nested]}; echo @@READY; while :; do {shlex.join(runner.command(operation))} >/dev/null 2>&1; done\n"
    script = ("echo 0 >/proc/sys/kernel/kptr_restrict; grep '\\[nestvisor\\]' /proc/kallsyms | sed 's/^/@@SYMBOL /'\n" +
              runner.placed(loop, nested))
    vcpus = next(row.vcpus for row in runner.operations() if row.name == operation)
    with tempfile.TemporaryDirectory(prefix="lab-") as work:
        tracer = trace.Tracer(Path(work), folder / "bench" / "payload.elf")
        boot = Boot(tracer.machine(cpu, 2 if nested else vcpus), kernel, module=module, share=folder,
                    scripts=boottests.scripts(), job=script)
        symbols: dict[int, str] = {}
        found: list[list[Instruction]] = []
        ended = False       # by the tracer

        def line(text: str) -> None:
            nonlocal ended
            if text.startswith("@@SYMBOL "):
                address, kind, name = text.split()[1:4]
                if kind in "tTwW":      # data of the module may lie beyond the kernel
                    symbols[int(address, 16)] = name
            elif text.startswith("@@READY"):
                ended = True
                found.extend(tracer.watch(median))
                tracer.end()

        try:
            job.run(boot, LIMIT[nested], line, log_name="bench-functions")
        except LabError:
            if not ended:
                raise
    if not found:
        raise LabError(f"{operation}: no operation of {median:,.0f} instructions in the trace")
    best = min(found, key=lambda run: abs(len(run) - median))
    return Count(operation, len(best), by_function(best, symbols), trace.exits(best))


def by_function(executed: list[Instruction], symbols: dict[int, str]) -> dict[str, int]:
    """Most first."""
    starts = sorted(symbols)
    # The module's functions lie together; what lies outside is the kernel's.
    first, last = (starts[0], starts[-1] + 0x1000) if starts else (0, 0)

    def name(instruction: Instruction) -> str:
        if not instruction.in_l0:
            return USER if instruction.address < KERNEL_HALF else L1_KERNEL
        if not first <= instruction.address < last:
            return KERNEL
        return symbols[starts[bisect.bisect_right(starts, instruction.address) - 1]]

    return dict(collections.Counter(map(name, executed)).most_common())


def readable(names: list[str]) -> list[str]:
    """C++ names without parameters and what is the same in all."""
    text = proc.run([f"{guests.CROSS}c++filt", "-p", *names], "reading names") if names else ""
    return [re.sub(r"\(anonymous namespace\)::|nest::|<arch::NativeCpu>|arch::| \[clone.*", "", line)
            for line in text.splitlines()]


def file_of(operation: str, nested: bool) -> Path:
    return figures.DATA / f"functions-{operation.replace('/', '-')}{'-in-l1' * nested}.json"


def save(found: Count, nested: bool) -> None:
    figures.DATA.mkdir(parents=True, exist_ok=True)
    numbers = {"total": found.total, "exits": found.exits, "functions": found.functions}
    file_of(found.operation, nested).write_text(json.dumps(numbers, indent=1) + "\n")


def load(operation: str, nested: bool) -> Count | None:
    file = file_of(operation, nested)
    return Count(operation, **json.loads(file.read_text())) if file.exists() else None


def measure_missed(run: figures.Run, kernel: Kernel, module: Path, rows: dict) -> None:
    """For each goal that a run has missed."""
    for (mode, name), wanted in figures.GOALS.items():
        row, limit = rows.get((mode, name)), wanted.median(run.nested)
        if limit is None or not row or row.error or row.median <= limit:
            continue
        say.step(f"{run.title}, {mode}/{name}: where {row.median:,.0f} instructions go")
        try:
            save(count(f"{mode}/{name}", run.nested, kernel, module, run.cpu, row.median), run.nested)
        except LabError as error:
            say.step(str(error))
