# SPDX-License-Identifier: GPL-2.0-only
"""Single operations of exit_latency in a machine that counts, from QEMU's trace of executed instructions."""

import re
import socket
import time
from dataclasses import dataclass
from pathlib import Path

from nestlab import proc
from nestlab.machine.machine import Machine
from nestlab.tests import guests

WINDOWS = 40                # looks at the running program, at most
ENOUGH = 8                  # operations
WINDOW_SECONDS = 30         # at most, each
LINE = 72                   # bytes in QEMU's trace for an instruction
# CPU, program counter and flags of a translated block. In bits 7:4 of the flags QEMU keeps the translation regime; the
# odd ones among its first six are EL2&0's, which only L0 is in.
EXECUTED = re.compile(r"^Trace (\d+): \S+ \[[0-9a-f]+/([0-9a-f]+)/([0-9a-f]+)/", re.M)
L0_REGIMES = (1, 3, 5)


@dataclass(frozen=True)
class Instruction:
    """One that was executed."""

    address: int
    in_l0: bool
    cpu: int = 0            # L0's number of it


class Tracer:
    """Watches one machine, which machine() describes; its files are in `folder`."""

    def __init__(self, folder: Path, payload: Path) -> None:
        self.monitor, self.log = folder / "monitor", folder / "log"
        self.reads = counter_reads(payload)

    def move(self, by: int) -> None:
        """The payload runs that far from where it was linked to."""
        self.reads = {address + by for address in self.reads}

    def machine(self, cpu: str, smp: int) -> Machine:
        """What to boot."""
        return Machine(cpu=cpu, smp=smp, icount=True, monitor=self.monitor, log=self.log)

    def watch(self, median: float) -> list[list[Instruction]]:
        """The instructions of each of the first measured operations that are seen; none if no window held one."""
        found = []
        with self.line() as line:
            line.sendall(b"one-insn-per-tb on\n")
            for _ in range(WINDOWS):
                seen = operations(self.window(line, 3 * median), self.reads, median)
                line.sendall(b"cont\n")
                found += seen
                # Where a window holds none after one that did, the program is at its end.
                if len(found) >= ENOUGH or (found and not seen):
                    break
                time.sleep(0 if seen else 0.25)
            line.sendall(b"one-insn-per-tb off\n")
            time.sleep(0.3)         # what the monitor has not read when the line closes is lost
        return found

    def window(self, line: socket.socket, instructions: float) -> str:
        """At least so many as QEMU writes them, unless they take too long; the machine stands still afterwards, else its
        program might end before the next look."""
        seen, until = self.size(), time.monotonic() + WINDOW_SECONDS
        line.sendall(b"log exec,nochain\n")
        time.sleep(0.5)
        while self.size() - seen < instructions * LINE and time.monotonic() < until:
            time.sleep(0.1)
        line.sendall(b"log none\nstop\n")
        time.sleep(0.3)
        with self.log.open("rb") as log:
            log.seek(seen)
            return log.read().decode("ascii", "replace")

    def end(self) -> None:
        """The machine's."""
        with self.line() as line:
            line.sendall(b"quit\n")
            while line.recv(4096):
                pass

    def line(self) -> socket.socket:
        line = socket.socket(socket.AF_UNIX)
        line.connect(str(self.monitor))
        return line

    def size(self) -> int:
        """The log's, in bytes; it comes with the first instruction."""
        return self.log.stat().st_size if self.log.exists() else 0


def counter_reads(payload: Path) -> set[int]:
    """Where the payload reads CNTVCT_EL0: at each end of what is measured."""
    text = proc.run([f"{guests.CROSS}objdump", "-d", str(payload)], "reading the benchmark's payload")
    return {int(found, 16) for found in re.findall(r"^\s*([0-9a-f]+):\s.*\bmrs\s+x\d+, cntvct_el0", text, re.M)}


def operations(trace: str, reads: set[int], median: float) -> list[list[Instruction]]:
    """What all CPUs did between two reads of the counter by one of them: stretches as long as the benchmark found, by
    2 % or 10 instructions."""
    executed = [Instruction(int(address, 16), int(flags, 16) >> 4 & 15 in L0_REGIMES, int(cpu))
                for cpu, address, flags in EXECUTED.findall(trace)]
    found, starts = [], {}
    for index, instruction in enumerate(executed):
        if instruction.address in reads and not instruction.in_l0:
            start = starts.get(instruction.cpu)
            if start is not None and abs(index - start - median) <= max(10, median / 50):
                found.append(executed[start:index])
            starts[instruction.cpu] = index
    return found


def exits(executed: list[Instruction]) -> int:
    """How often L0 came back from a guest, on any CPU."""
    count, in_l0 = 0, {}
    for instruction in executed:
        # Where a CPU was before is not known; it counts as L0.
        count += instruction.in_l0 and not in_l0.get(instruction.cpu, True)
        in_l0[instruction.cpu] = instruction.in_l0
    return count
