# SPDX-License-Identifier: GPL-2.0-only
"""/sys/kernel/debug/nestvisor/vms: what each VM and each vCPU has counted. Zero values are left out of it."""

import re
from dataclasses import dataclass, field

from nestvisor.read.counters import EXITS, L2_EXITS, VEL2_EXITS

LINE = re.compile(r"vm (\d+) (?:vcpu (\d+) )?([a-z]\w*)(?:\[(\d+)\])?: (\d+)")


@dataclass
class Counts:
    """Of a vCPU, or of the VM itself."""
    values: dict[str, int] = field(default_factory=dict)
    bars: dict[str, dict[int, int]] = field(default_factory=dict)   # of histograms, by index

    def value(self, name: str) -> int:
        return self.values.get(name, 0)

    def note(self, name: str, index: str | None, value: int) -> None:
        if index is None:
            self.values[name] = value
        else:
            self.bars.setdefault(name, {})[int(index)] = value

    def by_level(self) -> dict[str, dict[int, int]]:
        """Synchronous exits by level and exception class. A vCPU with virtual EL2 is at virtual EL2 or in L2, never at EL1."""
        if VEL2_EXITS in self.bars or L2_EXITS in self.bars:
            return {"vEL2": self.bars.get(VEL2_EXITS, {}), "L2": self.bars.get(L2_EXITS, {})}
        return {"EL1": self.bars.get(EXITS, {})}


@dataclass
class Vm(Counts):
    number: int = 0
    pid: int = 0                # of the VMM; 0: a module that does not tell
    vcpus: dict[int, Counts] = field(default_factory=dict)


def parse(text: str) -> dict[int, Vm]:
    """The VMs by number. A line of another form is a newer module's, and is passed over."""
    vms: dict[int, Vm] = {}
    for line in text.splitlines():
        found = LINE.fullmatch(line)
        if not found:
            continue
        number, vcpu, name, index, value = found.groups()
        vm = vms.setdefault(int(number), Vm(number=int(number)))
        if vcpu is not None:
            vm.vcpus.setdefault(int(vcpu), Counts()).note(name, index, int(value))
        elif name == "pid":
            vm.pid = int(value)
        else:
            vm.note(name, index, int(value))
    return dict(sorted(vms.items()))
