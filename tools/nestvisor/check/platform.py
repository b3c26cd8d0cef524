# SPDX-License-Identifier: GPL-2.0-only
"""What the machine is: architecture, EL2, VHE, GIC, pages."""

from nestvisor.check import firmware
from nestvisor.check.line import NO, OK, UNKNOWN, Line
from nestvisor.check.refusals import PARAMETER, Refusal
from nestvisor.machine.sources import Sources

BY_MODULE = "yes: the module is loaded, and needs it"
BY_REFUSAL = "says the module's line in the kernel's log"
READ_LOG = "run this as root, so that the kernel's log can be read, or load the module: it tells"
EL2_ADVICE = "start the kernel at EL2: a setting of the firmware; in a VM, of its VMM (QEMU: -M virt,virtualization=on)"
VHE_ADVICE = f"{PARAMETER}; the CPU needs FEAT_VHE (Armv8.1)"


def logged(log: list[str], *texts: str) -> str | None:
    """The first of the texts that a line of the log has."""
    return next((text for text in texts if any(text in line for line in log)), None)


def architecture(sources: Sources) -> Line:
    machine, release = sources.system.uname()
    found = f"{machine}, Linux {release}"
    return Line("architecture", OK, found) if machine == "aarch64" else Line(
        "architecture", NO, found, "Nestvisor runs on 64-bit Arm (Linux calls it aarch64) only")


def el2(sources: Sources, refusal: Refusal | None, own_kvm: bool) -> Line:
    if sources.loaded():
        return Line("EL2", OK, BY_MODULE)
    if refusal and refusal.el2 is not None:
        return Line("EL2", OK, f"yes, {BY_REFUSAL}") if refusal.el2 else Line("EL2", NO, refusal.line, EL2_ADVICE)
    if own_kvm:
        return Line("EL2", OK, "yes: the kernel's own KVM is active, and needs it")
    if found := logged(sources.log, "All CPU(s) started at EL2"):
        return Line("EL2", OK, f"{found}, says the kernel's log")
    if found := logged(sources.log, "All CPU(s) started at EL1", "CPUs started in inconsistent modes", "HYP mode not available"):
        return Line("EL2", NO, f"{found}, says the kernel's log", EL2_ADVICE)
    return Line("EL2", UNKNOWN, "the kernel's log does not tell", READ_LOG)


def vhe(sources: Sources, refusal: Refusal | None) -> Line:
    """The kernel logs VHE as a feature when it runs with it. Once the log has the boot, the line's absence tells, too."""
    if sources.loaded():
        return Line("VHE", OK, BY_MODULE)
    if refusal and refusal.vhe is not None:
        return Line("VHE", OK, f"yes, {BY_REFUSAL}") if refusal.vhe else Line("VHE", NO, refusal.line, VHE_ADVICE)
    # The kernel's own KVM in another mode: its line may end as that of VHE does.
    if found := logged(sources.log, "nVHE mode initialized", "hVHE mode initialized", "Hyp mode initialized"):
        return Line("VHE", NO, f"{found}, says the kernel's log", VHE_ADVICE)
    if found := logged(sources.log, "VHE mode initialized", "detected: Virtualization Host Extensions"):
        return Line("VHE", OK, f"{found}, says the kernel's log")
    if logged(sources.log, "All CPU(s) started at") and logged(sources.log, "Booting Linux"):
        return Line("VHE", NO, "the kernel's log of the boot has no line about it", VHE_ADVICE)
    return Line("VHE", UNKNOWN, "the kernel's log does not tell", READ_LOG)


def gic(sources: Sources, refusal: Refusal | None) -> Line:
    if sources.loaded():
        return Line("GIC", OK, "GICv3 or newer: the module is loaded, and needs it")
    if refusal and refusal.gic is False:
        return Line("GIC", NO, refusal.line, refusal.advice)
    is_v3, found = firmware.gic(sources)
    if is_v3 is None:
        return Line("GIC", UNKNOWN, found, "load the module: it tells")
    return Line("GIC", OK, found) if is_v3 else Line("GIC", NO, found, "a machine with a GICv3 or newer is needed; in a VM: "
                                                     "-M virt,gic-version=3")


def pages(sources: Sources) -> Line:
    """Any size will do for the host: stage 2 has pages of 4 KiB of its own."""
    return Line("page size", OK, f"{sources.system.page_bytes() // 1024} KiB")
