# SPDX-License-Identifier: GPL-2.0-only
"""The Type 1 hypervisor of tests/partition, and the RTOS that it runs beside a Linux."""

import shutil
import tempfile
from pathlib import Path

from nestlab import paths, proc
from nestlab.tests import guests

SOURCES = paths.REPO / "tests" / "partition"
# Where each is linked to run (layout.hpp).
HYPERVISOR_BASE, RTOS_BASE = 0x6000_0000, 0x6020_0000


def get() -> Path:
    """The folder with partition/hypervisor.elf and partition/rtos.bin, built anew where a source is younger."""
    program = paths.BUILD / "partition" / "partition" / "hypervisor.elf"
    return guests.fresh(program, [SOURCES, guests.BARE, guests.SOURCES / "protocol.hpp"], build)


def build(program: Path) -> None:
    log = paths.BUILD / "log" / "partition.log"
    program.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=program.parent.parent, prefix="making-") as folder:
        work = Path(folder)
        link(RTOS_BASE, [*guests.inputs(SOURCES / "rtos"), str(guests.BARE / "gic.cpp"), str(guests.BARE / "runtime.cpp")], work / "rtos.elf", log)
        proc.run([f"{guests.CROSS}objcopy", "-O", "binary", str(work / "rtos.elf"), str(work / "rtos.bin")], "making the RTOS's image")
        link(HYPERVISOR_BASE, guests.inputs(SOURCES / "hypervisor", guests.BARE), work / "hypervisor.elf", log)
        shutil.move(work / "rtos.bin", program.with_name("rtos.bin"))
        shutil.move(work / "hypervisor.elf", program)


def link(base: int, inputs: list[str], made: Path, log: Path) -> None:
    proc.run(["nice", f"{guests.CROSS}g++", *guests.COMMON, *guests.PAYLOAD, *guests.LINK, "-T", str(guests.BARE / "payload.lds"),
              f"-Wl,--defsym=payload_base={base:#x}", *inputs, "-o", str(made)], f"building {made.name}", log=log)
