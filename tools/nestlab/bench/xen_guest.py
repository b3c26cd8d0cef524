# SPDX-License-Identifier: GPL-2.0-only
"""benchmarks/xen_guest: what an exit of the dom0 of a Xen L1 costs."""

import shutil
import tempfile
from pathlib import Path

from nestlab import paths, proc, say
from nestlab.bench import exit_latency, trace
from nestlab.machine.boot import Boot
from nestlab.machine.machine import Disk, Machine
from nestlab.setup import xen
from nestlab.setup.kernels import Kernel
from nestlab.tests import boottests, guests

SOURCES = paths.REPO / "benchmarks" / "xen_guest"
SHARED = [exit_latency.SOURCES / "payload" / "vectors.S", paths.REPO / "benchmarks" / "qemu_guest"]
OPERATIONS = ("flat/hypercall", "flat/mmio-vgic", "flat/timer-due", "flat/ipi")     # in the guest's order
BASE = 0x4000_0000          # where the image is linked to run; Xen puts it elsewhere


def get() -> Path:
    """The folder with xen_guest/image and image.elf, built anew where a source is younger."""
    return guests.fresh(paths.BUILD / "xen-guest" / "xen_guest" / "image", [Path(__file__), SOURCES, *SHARED, guests.BARE], build)


def build(image: Path) -> None:
    """The arm64 Image, with its .bss: nobody clears that memory."""
    image.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=image.parent.parent, prefix="making-") as folder:
        elf, flat = Path(folder, "image.elf"), Path(folder, "image")
        proc.run(["nice", f"{guests.CROSS}g++", *guests.COMMON, *guests.PAYLOAD, *guests.LINK, "-T", str(guests.BARE / "payload.lds"),
                  str(SOURCES / "header.S"), str(SOURCES / "main.cpp"), str(SHARED[0]), *guests.inputs(guests.BARE), "-o", str(elf)],
                 "building xen_guest", log=paths.BUILD / "log" / "xen-guest.log")
        proc.run([f"{guests.CROSS}objcopy", "--set-section-flags", ".bss=alloc,load,contents", "-O", "binary", str(elf), str(flat)],
                 "making xen_guest's image")
        shutil.move(elf, image.with_name("image.elf"))
        shutil.move(flat, image)


def boot(machine: Machine, kernel: Kernel, module: Path) -> Boot:
    """L0 with Xen as L1 and the image as its dom0."""
    return Boot(machine, kernel, module=module, share=get(), disk=Disk(xen.image(), "lab-disk"), scripts=boottests.scripts(),
                job="xen-guest.sh /mnt/share/xen_guest/image | tr -d '\\r'\n")


class Reader:
    """Takes Xen's console: medians to `found`, and the image's place to the tracer."""

    def __init__(self, where: str, tracer: trace.Tracer) -> None:
        self.where, self.tracer = where, tracer
        self.found: dict[str, dict] = {}

    def line(self, line: str) -> None:
        if (at := line.find("@@XEN ")) < 0:
            return
        words = line[at:].split()
        if words[1] == "base":
            self.tracer.move(int(words[2]) - BASE)
        elif words[1].startswith("flat/"):
            self.found[words[1]] = {"median": float(words[2])}
            say.step(f"{self.where}: {words[1]} {float(words[2]):,.0f}")
