# SPDX-License-Identifier: GPL-2.0-only
"""benchmarks/exit_latency: the program and the libraries that it needs in L0 and in L1."""

import shutil
import tempfile
from pathlib import Path

from nestlab import paths, proc
from nestlab.setup import apt, host, staging
from nestlab.tests import guests

SOURCES = paths.REPO / "benchmarks" / "exit_latency"
CROSS_LIBRARIES = Path("/usr/aarch64-linux-gnu/lib")


def get() -> Path:
    """The folder with bench/exit_latency, built anew where a source is younger."""
    program = paths.BUILD / "bench-program" / "bench" / "exit_latency"
    return guests.fresh(program, [Path(__file__), SOURCES, guests.SOURCES], build)


def build(program: Path) -> None:
    """Payload, flat image, VMM around it, libraries beside it."""
    library = google_benchmark()
    log = paths.BUILD / "log" / "bench.log"
    shutil.rmtree(program.parent, ignore_errors=True)
    program.parent.mkdir(parents=True)
    with tempfile.TemporaryDirectory(dir=program.parent.parent, prefix="making-") as folder:
        work = Path(folder)
        guests.make_payload(SOURCES / "payload", work, log)
        usr = library / "usr"
        so = next((usr / "lib/aarch64-linux-gnu").glob("libbenchmark.so.1*.*.*"))
        proc.run(["nice", f"{guests.CROSS}g++", *guests.COMMON, "-pthread", "-static-libgcc", "-Wl,-rpath,$ORIGIN",
                  f"-Wa,-I,{work}", "-isystem", str(usr / "include"),
                  *guests.inputs(SOURCES / "vmm", guests.MACHINE), str(so), "-o", str(work / "exit_latency")],
                 "building exit_latency", log=log)
        proc.run([f"{guests.CROSS}strip", str(work / "exit_latency")], "stripping exit_latency")
        shutil.copy(so, program.parent / soname(so))
        shutil.copy(CROSS_LIBRARIES / "libstdc++.so.6", program.parent)
        shutil.copy(work / "payload.elf", program.parent)       # for a look at addresses
        shutil.move(work / "exit_latency", program)


def google_benchmark() -> Path:
    """Google Benchmark for arm64, from the release whose compiler builds the program; Debian has no static one."""
    suite = host.release().name
    top = paths.cache("google-benchmark", suite)
    with staging.locked(top):
        if not top.exists():
            headers = apt.fetch([f"libbenchmark-dev:arm64/{suite}"])
            needs = proc.run(["dpkg", "-f", str(headers[0]), "Depends"], "reading libbenchmark-dev's dependencies")
            package = next(word.split()[0] for word in needs.split(", ") if word.startswith("libbenchmark"))
            library = apt.fetch([f"{package}:arm64/{suite}"])
            with staging.staged(top) as work:
                apt.unpack(headers + library, work / top.name)
    return top


def soname(library: Path) -> str:
    """The name by which programs ask for it."""
    said = proc.run([f"{guests.CROSS}readelf", "-d", str(library)], "reading a library's name")
    return said.split("Library soname: [")[1].split("]")[0]
