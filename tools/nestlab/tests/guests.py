# SPDX-License-Identifier: GPL-2.0-only
"""The bare-metal tests of nesting (tests/guests): a small VMM, static for arm64, with its payload inside; with the same
payload the test of failing allocations (tests/fail_nth); and what a benchmark needs to build its own from these parts."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from nestlab import paths, proc
from nestlab.setup import hosttools, staging

SOURCES = paths.REPO / "tests" / "guests"
FAIL_NTH = paths.REPO / "tests" / "fail_nth"
BARE, MACHINE = SOURCES / "bare", SOURCES / "machine"       # of every payload, of every VMM
CROSS = "aarch64-linux-gnu-"
COMMON = ["-std=gnu++20", "-O2", "-Wall", "-Wextra", "-Werror"]
# EL2 runs with its MMU off, where memory is Device: no unaligned access, no vector registers.
PAYLOAD = ["-march=armv8.5-a", "-ffreestanding", "-fno-exceptions", "-fno-rtti", "-fno-threadsafe-statics", "-fno-pic", "-fno-pie",
           "-fno-stack-protector", "-fno-asynchronous-unwind-tables", "-fno-tree-loop-distribute-patterns",
           "-mgeneral-regs-only", "-mstrict-align", "-mno-outline-atomics"]
LINK = ["-nostdlib", "-static", "-no-pie", "-Wl,--build-id=none", "-Wl,-z,noexecstack", "-Wl,--no-warn-rwx-segments"]


def get() -> Path:
    """The folder with guests/nested_guests and guests/fail_nth, built anew where a source is younger."""
    return fresh(paths.BUILD / "guests" / "guests" / "nested_guests", [SOURCES, FAIL_NTH], build)


def fresh(program: Path, sources: list[Path], build: Callable[[Path], None]) -> Path:
    """The folder above the program's own; builds the program where a file in the folders is younger, or this one is."""
    top = program.parent.parent
    with staging.locked(top):
        files = [Path(__file__), *sources, *(file for folder in sources for file in folder.rglob("*"))]
        if not program.exists() or program.stat().st_mtime < max(file.stat().st_mtime for file in files):
            hosttools.need(["g++-aarch64-linux-gnu", "binutils-aarch64-linux-gnu", "libc6-dev-arm64-cross"])
            build(program)
    return top


def build(program: Path) -> None:
    """Payload, flat image, the programs around it."""
    log = paths.BUILD / "log" / "guests.log"
    program.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=program.parent.parent, prefix="making-") as folder:
        work = Path(folder)
        make_payload(SOURCES / "payload", work, log)
        for name, folder in {"fail_nth": FAIL_NTH, "memory_guest": SOURCES / "memory", "sve_patterns": SOURCES / "patterns",
                             "nested_guests": SOURCES / "vmm"}.items():
            proc.run(["nice", f"{CROSS}g++", *COMMON, "-static", "-pthread", f"-Wa,-I,{work}", *inputs(folder, MACHINE),
                      "-o", str(work / name)], f"building {name}", log=log)
            proc.run([f"{CROSS}strip", str(work / name)], f"stripping {name}")
        shutil.copy(work / "payload.elf", program.with_name("payload.elf"))     # for a look at addresses
        for name in ("fail_nth", "memory_guest", "sve_patterns"):
            shutil.move(work / name, program.with_name(name))
        shutil.move(work / "nested_guests", program)


def make_payload(folder: Path, work: Path, log: Path) -> None:
    """payload.elf and its flat image payload.bin in `work`, from a payload's own sources and those of all."""
    proc.run(["nice", f"{CROSS}g++", *COMMON, *PAYLOAD, *LINK, "-T", str(BARE / "payload.lds"),
              *inputs(folder, BARE), "-o", str(work / "payload.elf")], "building a payload", log=log)
    proc.run([f"{CROSS}objcopy", "-O", "binary", str(work / "payload.elf"), str(work / "payload.bin")],
             "making the payload's image")


def inputs(*folders: Path) -> list[str]:
    """All that is compiled in the folders."""
    return [str(file) for folder in folders for file in sorted([*folder.glob("*.cpp"), *folder.glob("*.S")])]
