# SPDX-License-Identifier: GPL-2.0-only
"""How often a guest of L1 makes the hardware come back to L0: below a Linux with NV2, without, and without VHE, and below Xen; beside
NEVE's published figures."""

import json
import shlex
import statistics
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from nestlab import say
from nestlab.bench import exit_latency, figures, runner, trace, xen_guest
from nestlab.errors import LabError
from nestlab.machine import job
from nestlab.machine.boot import Boot, log_file
from nestlab.machine.machine import CPU_MODELS
from nestlab.setup.kernels import Kernel
from nestlab.tests import boottests

OPERATIONS = ("flat/hypercall", "flat/mmio-vgic", "flat/mmio-user", "flat/ipi", "flat/eoi", "flat/timer-due")
NAMES = {"mmio-user": "device I/O (mmio-user)"}         # in the table, where an operation's own name says little
LIMIT = 1800                # seconds for the job
ROUNDS = 12                 # runs of the program to look at, each with all its samples


@dataclass(frozen=True)
class Column:
    """What a boot of L1 is measured with."""

    key: str            # in the name of the file of results
    title: str
    nv2: int            # the module's parameter
    words: str          # for L1's kernel command line
    published: str      # for the null hypercall
    xen: bool = False   # L1 is Xen, its guest dom0

    @property
    def operations(self) -> tuple[str, ...]:
        """What is measured, in the order in which it is."""
        return xen_guest.OPERATIONS if self.xen else OPERATIONS


COLUMNS = (Column("nv2-0", "nv2=0", 0, "", "82"), Column("nv2-1", "nv2=1", 1, "", "15"),
           Column("nvhe", "nv2=1, L1 without VHE", 1, "kvm-arm.mode=nvhe", "15"),
           Column("xen", "nv2=1, L1 is Xen", 1, "", "–", xen=True))
ABOUT = """\
One operation of a guest (L2) of a Linux L1, with the module's parameter nv2=0 and nv2=1, and with an L1 whose KVM has an EL2
without E2H (kvm-arm.mode=nvhe); and one of the dom0 of a Xen, whose EL2 is without E2H as well (benchmarks/xen_guest). Exits are
those to L0: how often any CPU of L0 came back from a guest, from the reading of the counter before the operation to that behind it.
They are counted in parts of QEMU's trace of executed instructions: the mean of the operations there that are as long as the median,
by 2 % or ten instructions; in brackets, how many those are. Instructions are the median of all samples, of the whole machine: L0, L1
and L2. Each column is from one boot of L1, with two CPUs at each level.
"""
COMPARED = f"""\
NEVE (SOSP 2017) is the proposal that became FEAT_NV2; its authors count the exits of a null hypercall.

What is comparable: the operation (L2 calls, L1 answers; all else is the work of L1 and L0 around it) and what counts as an
exit. nv2=0 stands for Armv8.3: HCR_EL2.NV is set and NV2 is clear, so that each of L1's accesses to an EL2 register, or
by an `_EL12` or `_EL02` name, is an exit, as is each ERET; so are CPACR_EL1 and MDSCR_EL1. nv2=1 stands for NEVE: most of
these accesses reach memory or a register of EL1, and an exit is left where an access acts, or its answer changes, at once.

Without E2H L1's kernel is at EL1, and its lowvisor at virtual EL2 changes all of EL1 for each entry of L2 and back. NEVE's
authors have 15 exits and 92,385 cycles for that L1, too, and 126 exits on Armv8.3; of cycles we have none to compare. Xen's EL2 is
all of the hypervisor: for an exit that Xen answers by itself it changes nothing of EL1, so that L0 sees the exit and the ERET.

What is not: L1. Theirs was KVM of Linux 4.x. Ours is that of Linux {runner.L1_KERNEL}, which with VHE moves L2's EL1 registers and the
fine-grained traps when it loads a vCPU, not at each exit; more than half of a hypercall's exits with nv2=0 are its reads of TPIDR_EL2,
by which a VHE kernel finds its CPU's data. So compare the ratio of two columns rather than a column with a published
figure. Nor the machine: they had hardware of Armv8.0, where L1 was changed to make hypercalls of what would trap; ours is
QEMU's `-cpu {{cpu}}`, which has FEAT_NV2 and is told not to use it.
"""


@dataclass(frozen=True)
class Cost:
    """Of one operation in L2."""

    exits: float        # the mean of those in the trace
    traced: int         # how many those are
    median: float       # instructions, of all samples


def file(cpu: str, column: Column) -> Path:
    return figures.DATA / f"neve-{cpu}-{column.key}.json"


def script(column: Column) -> str:
    """L0's job: each operation in L1, for its median, then for the trace."""
    lines = ""
    for name in column.operations:
        lines += runner.program([name], runner.FOLDER[True])
        again = shlex.join(runner.command(name))
        lines += f"echo @@TRACE {name}; for round in $(seq {ROUNDS}); do {again} >/dev/null 2>&1; done\n"
    return f"insmod $LAB_MODULE nv2={column.nv2} || exit\n" + runner.placed(lines, True, words=column.words)


def measure(kernel: Kernel, module: Path, cpu: str, column: Column) -> dict[str, Cost]:
    """By operation; those that were seen."""
    where, log = column.title if column.xen else f"{column.title}, inside Linux L1", f"bench-neve-{column.key}"
    found: dict[str, Cost] = {}
    with tempfile.TemporaryDirectory(prefix="lab-") as work:
        if column.xen:
            tracer = trace.Tracer(Path(work), xen_guest.get() / "xen_guest" / "image.elf")
            reader, boot = xen_guest.Reader(where, tracer), xen_guest.boot(tracer.machine(cpu, 2), kernel, module)
        else:
            folder = exit_latency.get()
            tracer, reader = trace.Tracer(Path(work), folder / "bench" / "payload.elf"), runner.Reader(where)
            boot = Boot(tracer.machine(cpu, 2), kernel, module=module, load=False, share=folder,
                        scripts=boottests.scripts(), job=script(column))

        def line(text: str) -> None:
            reader.line(text)
            if (at := text.find("@@TRACE ")) < 0:
                return
            name = text[at:].split()[1]
            median = reader.found.get(name, {}).get("median")
            seen = tracer.watch(median) if median else []
            if seen:
                found[name] = Cost(statistics.mean(map(trace.exits, seen)), len(seen), median)
                say.step(f"{where}: {name} {found[name].exits:.1f} exits to L0, of {len(seen)}")
            if name == column.operations[-1]:
                tracer.end()

        say.step(f"booting for {len(column.operations)} operations: {where}")
        try:
            job.run(boot, LIMIT, line, log_name=log)
        except LabError as error:
            # A machine that the tracer ended looks like one that died.
            if len(found) < len(column.operations):
                say.step(str(error))
    if missing := set(column.operations) - set(found):
        say.step(f"{where}: nothing of {', '.join(sorted(missing))}; L0's console: {log_file(log)}")
    return found


def save(cpu: str, column: Column, header: dict, found: dict[str, Cost]) -> None:
    figures.DATA.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"lab": header, "costs": {name: asdict(cost) for name, cost in found.items()}}, indent=1)
    file(cpu, column).write_text(text + "\n")


def load(cpu: str, column: Column) -> tuple[dict, dict[str, Cost]] | None:
    """(header, costs by operation) of the last run; None if there was none."""
    if not file(cpu, column).exists():
        return None
    data = json.loads(file(cpu, column).read_text())
    return data["lab"], {name: Cost(**cost) for name, cost in data["costs"].items()}


def sections() -> list[str]:
    """The document's, one for each CPU model of which there are results."""
    made = []
    for cpu in CPU_MODELS:
        runs = [load(cpu, column) for column in COLUMNS]
        if None not in runs:
            made.append(section(cpu, *runs))
    return made


def section(cpu: str, *runs: tuple[dict, dict[str, Cost]]) -> str:
    """Title, table and what to make of it; `runs` in the order of COLUMNS."""
    where = [f"* {column.title}: {header['kernel']} in L0, {header['l1']} as L1, `-cpu {cpu}`, {header['date']}"
             for column, (header, _) in zip(COLUMNS, runs)]
    return "\n".join(["## NV2 on and off (NEVE)" + (f", on {cpu}" if cpu != CPU_MODELS[0] else "") + "\n", ABOUT,
                      *where, "", *table([costs for _, costs in runs]), "", COMPARED.format(cpu=cpu)])


def table(costs: list[dict[str, Cost]]) -> list[str]:
    """Operation, then exits and instructions by column; the published exits last."""
    titles = [f"{what} {column.title}" for what in ("exits", "instructions") for column in COLUMNS]
    lines = [f"| operation | {' | '.join(titles)} |", "| --- |" + " ---: |" * 2 * len(COLUMNS)]
    for name in OPERATIONS:
        own = name.removeprefix("flat/")
        found = [each.get(name) for each in costs]
        cells = ["–" if name not in column.operations else f"{cost.exits:.1f} ({cost.traced})" if cost else "not seen"
                 for column, cost in zip(COLUMNS, found)]
        cells += [f"{cost.median:,.0f}" if cost and name in column.operations else "" for column, cost in zip(COLUMNS, found)]
        lines.append(f"| {NAMES.get(own, own)} | {' | '.join(cells)} |")
    return [*lines, f"| hypercall, as published for NEVE | {' | '.join(column.published for column in COLUMNS)} |" + " |" * len(COLUMNS)]
