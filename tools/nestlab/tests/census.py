# SPDX-License-Identifier: GPL-2.0-only
"""The census of system registers (tests/census): a payload that tries every encoding, and a VMM that knows the tables."""

import shutil
import tempfile
from pathlib import Path

from nestlab import paths, proc
from nestlab.tests import guests

SOURCES = paths.REPO / "tests" / "census"
# What the prediction is made of: the core's tables, and those of its functions that only decode.
CORE = [paths.REPO / "nested" / "vel2" / "register_masks.cpp", paths.REPO / "nested" / "vel2" / "system_instruction.cpp"]
TABLES = [paths.REPO / room for room in ("arch", "base", "kvm", "nested", "vhe")]


def get() -> Path:
    """The folder with census/census, built anew where a source is younger."""
    program = paths.BUILD / "census" / "census" / "census"
    return guests.fresh(program, [SOURCES, guests.BARE, guests.MACHINE, guests.SOURCES / "protocol.hpp", *TABLES], build)


def build(program: Path) -> None:
    log = paths.BUILD / "log" / "census.log"
    program.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=program.parent.parent, prefix="making-") as folder:
        work = Path(folder)
        guests.make_payload(SOURCES / "payload", work, log)
        proc.run(["nice", f"{guests.CROSS}g++", *guests.COMMON, "-static", "-pthread", f"-I{paths.REPO}", f"-Wa,-I,{work}",
                  *guests.inputs(SOURCES / "vmm", guests.MACHINE), *map(str, CORE), "-o", str(work / "census")],
                 "building tests/census", log=log)
        proc.run([f"{guests.CROSS}strip", str(work / "census")], "stripping census")
        shutil.copy(work / "payload.elf", program.with_name("payload.elf"))     # for a look at addresses
        shutil.move(work / "census", program)
