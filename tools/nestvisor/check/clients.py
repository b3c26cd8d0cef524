# SPDX-License-Identifier: GPL-2.0-only
"""The VMM: QEMU, or another one."""

import re
from collections.abc import Iterator

from nestvisor.check.line import GUESTS, NESTED, NO, OK, UNKNOWN, Line
from nestvisor.machine.sources import Sources

QEMU = "qemu-system-aarch64"
OTHERS = ("lkvm", "crosvm", "firecracker", "cloud-hypervisor")
# "'virt' board now supports nested virtualization under KVM": the announcement of QEMU 10.1.0, 2025-08-26, at
# https://www.qemu.org/2025/08/26/qemu-10-1-0/. Before, -M virt,virtualization=on is an error with -accel kvm.
NESTS_SINCE = (10, 1)
ADVICE = "QEMU 10.1 or newer is needed for -M virt,virtualization=on; Debian's backports may have it"


def vmm(sources: Sources) -> Iterator[Line]:
    """A line for guests, and one for nested guests where there is a QEMU to ask for its version."""
    said = sources.system.output([QEMU, "--version"])
    if said is None:
        others = [name for name in OTHERS if sources.system.has_command(name)]
        if others:
            yield Line("VMM", OK, f"no QEMU, but {', '.join(others)}")
            yield Line("nesting VMM", UNKNOWN, "its manual tells whether it offers EL2 to guests", ADVICE, NESTED)
        else:
            yield Line("VMM", NO, f"no {QEMU}", "apt install qemu-system-arm, or use another VMM")
        return
    version = re.search(r"version (\d+)\.(\d+)", said)
    if not version:
        yield Line("VMM", UNKNOWN, f"{QEMU} does not tell its version", "apt install qemu-system-arm", GUESTS)
        return
    yield Line("VMM", OK, f"QEMU {version[1]}.{version[2]}")
    nests = (int(version[1]), int(version[2])) >= NESTS_SINCE
    yield Line("nesting VMM", OK if nests else NO, f"QEMU {version[1]}.{version[2]}", "" if nests else ADVICE, NESTED)
