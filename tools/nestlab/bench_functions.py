# SPDX-License-Identifier: GPL-2.0-only
"""Which functions of the module an operation's instructions are spent in, from QEMU's trace of executed instructions."""

import bisect
import collections
import json
import re
import shlex
import socket
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from nestlab import bench, bench_data, bench_run, boottests, guests, job, proc, say
from nestlab.boot import Boot
from nestlab.errors import LabError
from nestlab.kernels import Kernel
from nestlab.machine import Machine

WINDOWS = 15                # looks at the running loop, one second each, until one holds an operation
LIMIT = 300                 # seconds for the job
GUEST_END = 1 << 48         # what lies above is the host kernel's half of the address space
EXECUTED = re.compile(r"^Trace \d+: \S+ \[[0-9a-f]+/([0-9a-f]+)/", re.M)


@dataclass(frozen=True)
class Count:
    """Instructions of one operation, by function; those of guest code under the name GUEST."""

    operation: str
    total: int
    functions: dict[str, int]


GUEST = "(the guest)"
KERNEL = "(Linux)"


def count(operation: str, kernel: Kernel, module: Path, cpu: str, median: float) -> Count:
    """One operation whose length is the benchmark's median; LabError if none was seen."""
    folder = bench.get()
    reads = counter_reads(folder / "bench" / "payload.elf")
    script = ("echo 0 >/proc/sys/kernel/kptr_restrict; grep '\\[nestvisor\\]' /proc/kallsyms | sed 's/^/@@SYMBOL /'\n"
              f"cd /mnt/share/bench; echo @@READY; while :; do {shlex.join(bench_run.command(operation))} >/dev/null 2>&1; done\n")
    with tempfile.TemporaryDirectory(prefix="lab-") as work:
        monitor, log = Path(work, "monitor"), Path(work, "log")
        machine = Machine(cpu=cpu, smp=1, icount=True, monitor=monitor, log=log)
        boot = Boot(machine, kernel, module=module, share=folder, scripts=boottests.scripts(), job=script)
        symbols: dict[int, str] = {}
        found: list[list[int]] = []

        def line(text: str) -> None:
            if text.startswith("@@SYMBOL "):
                address, _, name = text.split()[1:4]
                symbols[int(address, 16)] = name
            elif text.startswith("@@READY"):
                found.extend(watch(monitor, log, reads, median))

        try:
            job.run(boot, LIMIT, line, log_name="bench-functions")
        except LabError:
            if not found:       # else watch() has ended the machine
                raise
    if not found:
        raise LabError(f"{operation}: no operation of {median:,.0f} instructions in the trace")
    best = min(found, key=lambda run: abs(len(run) - median))
    return Count(operation, len(best), by_function(best, symbols))


def counter_reads(payload: Path) -> set[int]:
    """Where the payload reads CNTVCT_EL0: at each end of what is measured."""
    text = proc.run([f"{guests.CROSS}objdump", "-d", str(payload)], "reading the benchmark's payload")
    return {int(found, 16) for found in re.findall(r"^\s*([0-9a-f]+):\s.*\bmrs\s+x\d+, cntvct_el0", text, re.M)}


def watch(monitor: Path, log: Path, reads: set[int], median: float) -> list[list[int]]:
    """The program counters of each measured operation that one window holds; ends the machine."""
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(str(monitor))
        line.sendall(b"one-insn-per-tb on\n")
        found, seen = [], 0
        for _ in range(WINDOWS):
            line.sendall(b"log exec,nochain\n")
            time.sleep(1)
            line.sendall(b"log none\n")
            time.sleep(0.3)
            text = log.read_text(errors="replace") if log.exists() else ""
            found = operations(text[seen:], reads, median)
            seen = len(text)
            if found:
                break
        line.sendall(b"quit\n")
    return found


def operations(trace: str, reads: set[int], median: float) -> list[list[int]]:
    """The stretches between two reads of the counter that are as long as the benchmark found, by 2 % or 10."""
    counters = [int(found, 16) for found in EXECUTED.findall(trace)]
    ends = [index for index, address in enumerate(counters) if address in reads]
    stretches = [counters[start:end] for start, end in zip(ends, ends[1:])]
    return [stretch for stretch in stretches if abs(len(stretch) - median) <= max(10, median / 50)]


def by_function(counters: list[int], symbols: dict[int, str]) -> dict[str, int]:
    """Most first."""
    starts = sorted(symbols)
    # The module's functions lie together; what lies outside is the kernel's.
    first, last = (starts[0], starts[-1] + 0x1000) if starts else (0, 0)

    def name(address: int) -> str:
        if address < GUEST_END:
            return GUEST
        return symbols[starts[bisect.bisect_right(starts, address) - 1]] if first <= address < last else KERNEL

    return dict(collections.Counter(map(name, counters)).most_common())


def readable(names: list[str]) -> list[str]:
    """C++ names without parameters and what is the same in all."""
    text = proc.run([f"{guests.CROSS}c++filt", "-p", *names], "reading names") if names else ""
    return [re.sub(r"\(anonymous namespace\)::|nest::|<arch::NativeCpu>|arch::| \[clone.*", "", line)
            for line in text.splitlines()]


def file_of(operation: str) -> Path:
    return bench_data.DATA / f"functions-{operation.replace('/', '-')}.json"


def save(found: Count) -> None:
    bench_data.DATA.mkdir(parents=True, exist_ok=True)
    file_of(found.operation).write_text(json.dumps({"total": found.total, "functions": found.functions}, indent=1) + "\n")


def load(operation: str) -> Count | None:
    file = file_of(operation)
    return Count(operation, **json.loads(file.read_text())) if file.exists() else None


def measure_missed(kernel: Kernel, module: Path, cpu: str, rows: dict) -> None:
    """For each goal in L0 that is missed."""
    for (mode, name), wanted in bench_data.GOALS.items():
        row = rows.get((mode, name))
        if wanted.flat is None or not row or row.error or row.median <= wanted.flat:
            continue
        say.step(f"{mode}/{name}: where {row.median:,.0f} instructions go")
        save(count(f"{mode}/{name}", kernel, module, cpu, row.median))
