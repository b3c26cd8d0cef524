# SPDX-License-Identifier: GPL-2.0-only
"""Boots a machine that counts and runs exit_latency in L0, or in a Linux L1 there."""

import fnmatch
import json
import re
import shlex
from dataclasses import dataclass, replace
from pathlib import Path

from nestlab import bench, job, say
from nestlab.bench_data import Run
from nestlab.boot import Boot
from nestlab.errors import LabError
from nestlab.kernels import Kernel
from nestlab.machine import Machine

L1_KERNEL = "7.2"
LIMIT = {False: 900, True: 5400}        # seconds, in L0 and inside L1; the peer needs most of them there


@dataclass(frozen=True)
class Operation:
    """A row of operations.def in one of its modes."""

    name: str           # flat/hypercall
    vcpus: int


def operations() -> list[Operation]:
    """All of them."""
    rows = re.findall(r'^OPERATION\(\w+,\s*"([^"]+)",\s*([^,]+),\s*(\d+)', (bench.SOURCES / "operations.def").read_text(), re.M)
    found = []
    for mode in ("flat", "vel2", "l2"):
        found += [Operation(f"{mode}/{name}", int(vcpus)) for name, modes, vcpus in rows if f"k{mode.capitalize()}" in modes]
    return found


def measure(run: Run, kernel: Kernel, module: Path | None, only: str | None) -> str:
    """Google Benchmark's JSON of a whole run."""
    wanted = [operation for operation in operations() if fnmatch.fnmatch(operation.name, only or "*")]
    if run.nested:
        wanted = [operation for operation in wanted if operation.name.startswith("flat/")]
    if not wanted:
        raise LabError(f"no operation has a name like {only}; they are listed in {bench.SOURCES / 'operations.def'}")
    # Two vCPUs that wait for each other need a CPU each; all else is steadier on one. An L1 has two in any case.
    groups = [wanted] if run.nested else [[op for op in wanted if op.vcpus == cpus] for cpus in (1, 2)]
    documents = []
    for group in groups:
        if group:
            cpus = max(operation.vcpus for operation in group)
            machine = Machine(cpu=run.cpu, smp=cpus, icount=True, kvm_mode="nested" if run.side == "peer" else "none")
            where = f"{run.title}, {cpus} CPU{'s' * (cpus > 1)}"
            say.step(f"booting for {len(group)} operations: {where}")
            boot = Boot(machine, kernel, module=module, share=bench.get(), scripts=[bench.SOURCES / "in-l1.sh"])
            documents.append(json.loads(run_program(boot, regex([op.name for op in group]), where, run.nested)))
    document = documents[0]
    order = [operation.name for operation in wanted]
    entries = [entry for part in documents for entry in part["benchmarks"]]
    document["benchmarks"] = sorted(entries, key=lambda entry: order.index("/".join(entry["name"].split("/")[:2])))
    return json.dumps(document)


def regex(names: list[str]) -> str:
    """As Google Benchmark wants it; it appends /iterations and more to each name."""
    return "^(" + "|".join(names) + ")/iterations:"


def program(wanted: str, folder: str) -> str:
    """The shell command that leaves JSON between two marks."""
    words = [f"{folder}/exit_latency", f"--benchmark_filter={wanted}", "--benchmark_out=/tmp/bench.json",
             "--benchmark_out_format=json", "--benchmark_color=false"]
    return shlex.join(words) + " 2>&1 && echo @@BENCH && cat /tmp/bench.json; echo @@END"


class Reader:
    """Takes the job's lines: progress to the person who waits, JSON to `text`."""

    def __init__(self, where: str) -> None:
        self.where, self.lines, self.inside, self.last = where, [], False, ""

    def line(self, line: str) -> None:
        if line.startswith("@@BENCH"):
            self.inside = True
        elif line.startswith("@@END"):
            self.inside = False
        elif self.inside:
            self.lines.append(line)
        elif found := re.match(r"(\S+)/iterations:\d+\S*\s+(.*)", line):
            number = re.search(r"median=(\S+)", line)
            say.step(f"{self.where}: {found[1]} {number[1] if number else found[2]}")
        elif line.strip():
            self.last = line.strip()

    def text(self) -> str:
        """The JSON, or an error that names the last thing said."""
        try:
            text = "\n".join(self.lines)
            json.loads(text)
            return text
        except ValueError:
            raise LabError(f"exit_latency brought no result: {self.last or 'it printed nothing'}") from None


def run_program(boot: Boot, wanted: str, where: str, nested: bool) -> str:
    """Google Benchmark's JSON from L0, or from a Linux L1 with its own KVM."""
    script = program(wanted, "." if nested else "/mnt/share/bench")
    if nested:
        script = f"in-l1.sh {L1_KERNEL} {shlex.quote(script)}"
    reader = Reader(where)
    job.run(replace(boot, job=script + "\n"), LIMIT[nested], reader.line, log_name="bench")
    return reader.text()
