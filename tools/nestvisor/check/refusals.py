# SPDX-License-Identifier: GPL-2.0-only
"""Why the module did not load, by the line that it or the kernel wrote to the kernel's log, and what to do.

The module's own lines are in linux/*.c and kvm/vm/machine.cpp; a test looks that each has a row here.
"""

import re
from typing import NamedTuple

PARAMETER = "boot with kvm-arm.mode=none on the kernel's command line"
FIRMWARE = "the firmware's tables are wrong: update the firmware"
REBUILD = "build it for this kernel: apt install linux-headers-$(uname -r) && dkms autoinstall"
SIGN = "sign it: README.Debian of nestvisor-dkms says how to enrol DKMS's key (mokutil), or turn secure boot off"


class Refusal(NamedTuple):
    line: str
    advice: str
    el2: bool | None = None     # what the line says of EL2, of VHE and of the GIC
    vhe: bool | None = None
    gic: bool | None = None


ROWS = [(re.compile(pattern), advice, says) for pattern, advice, says in [
    (r"nestvisor: the kernel does not run at EL2", "start the kernel at EL2: a setting of the firmware; in a VM, of its "
     "VMM (QEMU: -M virt,virtualization=on)", {"el2": False}),
    (r"nestvisor: the kernel does not use VHE", f"{PARAMETER}; the CPU needs FEAT_VHE (Armv8.1)", {"el2": True, "vhe": False}),
    (r"nestvisor: no GICv3 system registers", "a machine with a GICv3 or newer is needed; in a VM: -M virt,gic-version=3",
     {"el2": True, "vhe": True, "gic": False}),
    (r"nestvisor: stage 2 has no 4 KiB granule", "another CPU is needed", {"el2": True, "vhe": True, "gic": True}),
    (r"nestvisor: the kernel's own KVM is active", PARAMETER, {"el2": True, "vhe": True, "gic": True}),
    (r"nestvisor: cannot register /dev/kvm", "see the error number in the log; another driver may have the name kvm", {}),
    (r"nestvisor: the MADT gives CPUs different maintenance interrupts", FIRMWARE, {}),
    (r"nestvisor: the firmware's tables lack the GICv3 maintenance interrupt", "the firmware's tables lack what a hypervisor "
     "needs: update the firmware", {}),
    (r"nestvisor: the .* is INTID \d+; only PPIs", FIRMWARE, {}),
    (r"nestvisor: the vGIC's or an EL1 timer's interrupt is in use", "unload the other hypervisor, or " + PARAMETER, {}),
    (r"nestvisor: cannot set up: error", "see the error number in the log (-12: not enough memory)", {}),
    (r"nestvisor: cannot follow CPU hotplug: error", "see the error number in the log", {}),
    (r"nestvisor: (version magic|disagrees about version of symbol|Unknown symbol)", REBUILD, {}),
    (r"Lockdown: .*: unsigned module loading is restricted", SIGN, {}),
    (r"Loading of (unsigned module|module with unsupported crypto|module with unavailable key) is rejected", SIGN, {}),
]]
LOADED = re.compile(r"nestvisor: ready$")


def last(log: list[str]) -> Refusal | None:
    """The newest refusal, if the module has not loaded since."""
    for line in reversed(log):
        if LOADED.search(line):
            return None
        for pattern, advice, says in ROWS:
            if found := pattern.search(line):
                return Refusal(line[found.start():].removeprefix("nestvisor: ").strip(), advice, **says)
    return None
