# SPDX-License-Identifier: GPL-2.0-only
"""The cost of an exit to QEMU as the VMM: benchmarks/qemu_guest below QEMU 11 in L0, or in a Linux L1 there."""

import fnmatch
import json
import shlex
import shutil
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from nestlab import paths, proc, say
from nestlab.bench import figures, runner
from nestlab.bench.figures import Row, Run
from nestlab.errors import LabError
from nestlab.machine import job
from nestlab.machine.boot import Boot
from nestlab.machine.machine import Machine
from nestlab.setup.kernels import Kernel
from nestlab.tests import boottests, guests

SOURCES = paths.REPO / "benchmarks" / "qemu_guest"
OPERATIONS = ["flat/mmio-user-qemu", "flat/hypercall-qemu"]     # as the guest prints them, all in one run
LIMIT = {False: 300, True: 1800}        # seconds, in L0 and inside L1
SHARE = "/mnt/share/qemu_guest"         # the guest's folder in L0
FOLDER = {False: SHARE, True: "/run/lab/qemu_guest"}
# A device behind the transport that the guest reads, as kvm-unit-tests' own runner puts one there. CNTVCT_EL0 is to
# count all instructions, those of QEMU included: no adjustment.
QEMU = ["qemu-system-aarch64", "-M", "virt", "-accel", "kvm", "-cpu", "host,kvm-no-adjvtime=on",
        "-smp", "1", "-m", "128M", "-nographic", "-nic", "none", "-no-reboot", "-device", "virtio-serial-device"]
VERSION = "QEMU emulator version "


def get() -> Path:
    """The folder with qemu_guest/image, built anew where a source is younger."""
    image = paths.BUILD / "qemu-guest" / "qemu_guest" / "image"
    return guests.fresh(image, [Path(__file__), SOURCES, guests.BARE], build)


def build(image: Path) -> None:
    """The arm64 Image."""
    image.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=image.parent.parent, prefix="making-") as folder:
        elf, flat = Path(folder, "image.elf"), Path(folder, "image")
        proc.run(["nice", f"{guests.CROSS}g++", *guests.COMMON, *guests.PAYLOAD, *guests.LINK,
                  "-T", str(SOURCES / "image.lds"), *guests.inputs(SOURCES), "-o", str(elf)], "building qemu_guest",
                 log=paths.BUILD / "log" / "qemu-guest.log")
        proc.run([f"{guests.CROSS}objcopy", "-O", "binary", str(elf), str(flat)], "making qemu_guest's image")
        shutil.move(flat, image)


def chosen(only: str | None) -> list[str]:
    """The operations of such names."""
    return [name for name in OPERATIONS if fnmatch.fnmatch(name, only or "*")]


def keeps(only: str | None) -> bool:
    """Whether a result is kept: that of all operations, which are one run in any case."""
    return chosen(only) == OPERATIONS


def measure(run: Run, kernel: Kernel, module: Path | None, only: str | None) -> dict[tuple[str, str], Row]:
    """Rows of those names, with an error where the guest brought no result."""
    if not chosen(only):
        return {}
    where = f"{run.title}, QEMU as the VMM"
    say.step(f"booting for {len(OPERATIONS)} operations: {where}")
    kvm_mode = "nested" if run.side == "peer" else "none"
    machine = Machine(cpu=run.cpu, smp=2 if run.nested else 1, icount=True, kvm_mode=kvm_mode)
    boot = Boot(machine, kernel, module=module, share=get(), scripts=boottests.scripts(), job=script(run.nested))
    lines: list[str] = []
    try:
        job.run(boot, LIMIT[run.nested], lines.append, log_name="bench-vmm")
    except LabError as error:
        lines.append(str(error))
    text = entries(lines)
    if keeps(only):
        version = next((line.removeprefix(VERSION).split()[0] for line in lines if line.startswith(VERSION)), "unknown")
        header = {"kernel": kernel.version, "l1": runner.L1_KERNEL, "date": time.strftime("%Y-%m-%d")}
        header["qemu"] = f"with QEMU {version} as the VMM {header['date']}"
        figures.save(replace(run, qemu=True), header, text)
    rows = {(row.mode, row.name): row for row in figures.parse(text)}
    for (mode, name), row in rows.items():
        say.step(f"{where}: {mode}/{name} " + (row.error or f"{row.median:,.0f}"))
    return {key: row for key, row in rows.items() if "/".join(key) in chosen(only)}


def script(nested: bool) -> str:
    """L0's job."""
    command = shlex.join([*QEMU, "-kernel", f"{FOLDER[nested]}/image"])
    return f"{QEMU[0]} --version\n" + runner.placed(f"{command} </dev/null 2>&1\n", nested, SHARE)


def entries(lines: list[str]) -> str:
    """The guest's line among all that the machine printed, or an error in its place."""
    for line in lines:
        if line.startswith('{"benchmarks"'):
            try:
                return json.dumps(json.loads(line))
            except ValueError:
                break
    said = [line.strip() for line in lines if line.strip()]
    why = next((line for line in said if line.startswith(("qemu_guest: ", "qemu-system-"))), said[-1] if said else "")
    failed = {"error_occurred": True, "error_message": why or "it printed nothing"}
    return json.dumps({"benchmarks": [{"name": f"{name}/", **failed} for name in OPERATIONS]})
