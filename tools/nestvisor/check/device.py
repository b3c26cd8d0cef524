# SPDX-License-Identifier: GPL-2.0-only
"""/dev/kvm: whose it is, who may open it, and whether it nests."""

from nestvisor.check.line import NESTED, NO, OK, UNKNOWN, Line
from nestvisor.check.refusals import PARAMETER
from nestvisor.machine.sources import Sources

DEVICE = "dev/kvm"
KVM_CAP_ARM_EL2 = 240


def registered(sources: Sources) -> bool:
    """A driver has it. The file alone says nothing: it is made at boot for a module that may be loaded when it is opened."""
    return sources.path("sys/class/misc/kvm").exists()


def is_own_kvm(sources: Sources) -> bool:
    return registered(sources) and not sources.path("sys/module/nestvisor").exists()


def owner(sources: Sources) -> Line:
    if sources.loaded() and registered(sources):
        return Line("/dev/kvm", OK, "Nestvisor's")
    if registered(sources):
        return Line("/dev/kvm", NO, "the kernel's own KVM has it", f"{PARAMETER}, and load the module")
    return Line("/dev/kvm", NO, "nobody has it", "load the module: modprobe nestvisor")


def access(sources: Sources) -> Line:
    name, user = "access", sources.system.user()
    if not registered(sources):
        return Line(name, UNKNOWN, "there is no /dev/kvm", "load the module: modprobe nestvisor")
    if sources.system.may_open(str(sources.path(DEVICE))):
        return Line(name, OK, f"{user} may open /dev/kvm")
    groups = [line.split(":") for line in (sources.text("etc/group") or "").splitlines()]
    if any(group[0] == "kvm" and user in group[-1].split(",") for group in groups):
        return Line(name, NO, f"{user} may not open /dev/kvm yet", "log in again, for the group kvm to count")
    return Line(name, NO, f"{user} may not open /dev/kvm", f"adduser {user} kvm, as root, and log in again")


def nesting(sources: Sources) -> Line:
    """Neither /proc/cpuinfo nor the ID registers that user space sees tell of FEAT_NV2, so that only a KVM can be asked."""
    name = "nesting"
    answer = sources.system.kvm_extension(str(sources.path(DEVICE)), KVM_CAP_ARM_EL2) if registered(sources) else None
    if answer:
        slow = (sources.text("sys/module/nestvisor/parameters/nv2") or "").strip() == "N"
        return Line(name, OK, "/dev/kvm offers virtual EL2" + (", without FEAT_NV2 (nv2=0): slow" if slow else ""), needed=NESTED)
    if answer == 0 and sources.loaded():
        return Line(name, NO, "/dev/kvm offers no virtual EL2", "a CPU with FEAT_NV2 is needed (Armv8.4 and newer may have it)",
                    NESTED)
    return Line(name, UNKNOWN, "only a loaded module can tell of FEAT_NV2", "load the module, and see to access", NESTED)
