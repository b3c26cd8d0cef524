# SPDX-License-Identifier: GPL-2.0-only
"""Boots a machine that counts and runs exit_latency in L0, or in a Linux L1 there."""

import fnmatch
import json
import re
import shlex
from dataclasses import dataclass, replace
from pathlib import Path

from nestlab import say
from nestlab.bench import exit_latency
from nestlab.bench.figures import Run
from nestlab.errors import LabError
from nestlab.machine import job
from nestlab.machine.boot import Boot
from nestlab.machine.machine import Machine
from nestlab.setup.kernels import Kernel
from nestlab.tests import boottests

L1_KERNEL = "7.2"
LIMIT = {False: 1200, True: 3600}       # seconds, in L0 and inside L1
FOLDER = {False: "/mnt/share/bench", True: "/run/lab/bench"}    # of the programs there
# Operations that one side cannot be asked for.
LEFT_OUT = {("peer", "l2/shadow-fault-after-discard"): "Linux's own KVM did not come back within six minutes"}


@dataclass(frozen=True)
class Operation:
    """A row of operations.def in one of its modes."""

    name: str           # flat/hypercall
    vcpus: int


def operations() -> list[Operation]:
    """All of them."""
    rows = re.findall(r'^OPERATION\(\w+,\s*"([^"]+)",\s*([^,]+),\s*(\d+)', (exit_latency.SOURCES / "operations.def").read_text(), re.M)
    found = []
    for mode in ("flat", "vel2", "l2"):
        found += [Operation(f"{mode}/{name}", int(vcpus)) for name, modes, vcpus in rows if f"k{mode.capitalize()}" in modes]
    return found


def chosen(run: Run, only: str | None) -> list[Operation]:
    """Those of such names that a run can have: a guest of a Linux L1 is a flat one."""
    wanted = [operation for operation in operations() if fnmatch.fnmatch(operation.name, only or "*")]
    return [operation for operation in wanted if not run.nested or operation.name.startswith("flat/")]


def measure(run: Run, kernel: Kernel, module: Path | None, only: str | None) -> str:
    """Google Benchmark's JSON of a whole run."""
    wanted = chosen(run, only)
    if not wanted:
        raise LabError(f"no operation has a name like {only}; they are listed in {exit_latency.SOURCES / 'operations.def'}")
    # Two vCPUs that wait for each other need a CPU each; all else is steadier on one. An L1 has two in any case.
    groups = [wanted] if run.nested else [[op for op in wanted if op.vcpus == cpus] for cpus in (1, 2)]
    found = {}
    for group in groups:
        asked = [operation.name for operation in group if (run.side, operation.name) not in LEFT_OUT]
        if asked:
            cpus = max(operation.vcpus for operation in group)
            machine = Machine(cpu=run.cpu, smp=cpus, icount=True, kvm_mode="nested" if run.side == "peer" else "none")
            where = f"{run.title}, {cpus} CPU{'s' * (cpus > 1)}"
            say.step(f"booting for {len(asked)} operations: {where}")
            boot = Boot(machine, kernel, module=module, share=exit_latency.get(), scripts=boottests.scripts())
            found |= run_program(boot, asked, where, run.nested)
    if not found:
        raise LabError("exit_latency brought no result at all; see build/log/bench.log")
    return json.dumps({"benchmarks": [found.get(op.name) or missing(run, op.name) for op in wanted]})


def missing(run: Run, name: str) -> dict:
    """An entry for an operation without a result."""
    reason = LEFT_OUT.get((run.side, name), "no result")
    return {"name": f"{name}/", "error_occurred": True, "error_message": reason}


def command(name: str) -> list[str]:
    """What measures one operation."""
    # Google Benchmark appends /iterations and more to each name.
    return ["./exit_latency", f"--benchmark_filter=^{name}/iterations:"]


def program(names: list[str], folder: str) -> str:
    """The shell commands that measure them, a process each; what is done is told even where a later one never ends."""
    lines = [f"cd {folder}"]
    for name in names:
        words = [*command(name), "--benchmark_format=json"]
        lines.append(f"echo @@BENCH {name}; {shlex.join(words)} 2>/dev/null; echo @@END")
    return "\n".join(lines) + "\n"


class Reader:
    """Takes the job's lines: progress to the person who waits, entries to `found`."""

    def __init__(self, where: str) -> None:
        self.where, self.lines, self.name = where, [], ""
        self.found: dict[str, dict] = {}

    def line(self, line: str) -> None:
        if line.startswith("@@BENCH "):
            self.name, self.lines = line.split()[1], []
        elif line.startswith("@@END") and self.name:
            self.finish()
            self.name = ""
        elif self.name:
            self.lines.append(line)

    def finish(self) -> None:
        try:
            entry, = json.loads("\n".join(self.lines))["benchmarks"]
        except ValueError:
            said = next((line for line in reversed(self.lines) if line.strip()), "it printed nothing")
            entry = {"name": f"{self.name}/", "error_occurred": True, "error_message": said.strip()}
        self.found[self.name] = entry
        say.step(f"{self.where}: {self.name} " + (entry.get("error_message") or f"{entry['median']:,.0f}"))


def placed(script: str, nested: bool, folder: str = FOLDER[False], words: str = "") -> str:
    """The script as L0's job: itself, or the shell commands that boot a Linux L1 and run it there, `folder` with it, and `words`
    on L1's kernel command line."""
    if not nested:
        return script
    # CNTVCT_EL0 is to count all instructions, those that the VM waits for included: no adjustment by QEMU.
    boot_l1 = f"L1_CPU=host,kvm-no-adjvtime=on L1_APPEND='quiet nokaslr {words}' boot-l1.sh {L1_KERNEL} /tmp/job {folder}"
    return f"cat >/tmp/job <<'JOB'\n{script}JOB\n{boot_l1} | tr -d '\\r'\n"


def run_program(boot: Boot, names: list[str], where: str, nested: bool) -> dict[str, dict]:
    """Google Benchmark's entries by name, from L0 or from a Linux L1 with its own KVM; those that came."""
    script = placed(program(names, FOLDER[nested]), nested)
    reader = Reader(where)
    try:
        job.run(replace(boot, job=script), LIMIT[nested], reader.line, log_name="bench")
    except LabError as error:
        say.step(str(error))
    return reader.found
