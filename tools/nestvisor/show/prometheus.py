# SPDX-License-Identifier: GPL-2.0-only
"""The counters in Prometheus' text exposition format.

A VM's sums of its vCPUs are left out, as the reader can sum; times are in seconds, as is the custom there.
"""

from collections.abc import Iterator

from nestvisor.machine.vmm import Vmm
from nestvisor.read import classes
from nestvisor.read.counters import CLASSES, COUNTERS, EXITS, TIME_SUMS, TIMES, Counter
from nestvisor.read.vms import Counts, Vm

PREFIX = "nestvisor_"
Found = list[tuple[Vm, Vmm]]
Labels = dict[str, object]


def sample(name: str, labels: Labels, value: int | float) -> str:
    quoted = (str(text).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") for text in labels.values())
    words = ",".join(f'{label}="{text}"' for label, text in zip(labels, quoted))
    return f"{PREFIX}{name}{{{words}}} {value}"


def head(name: str, kind: str, about: str) -> Iterator[str]:
    yield f"# HELP {PREFIX}{name} {about}."
    yield f"# TYPE {PREFIX}{name} {kind}"


def _vms(found: Found) -> Iterator[tuple[Counts, Labels]]:
    for vm, _ in found:
        yield vm, {"vm": vm.number, "pid": vm.pid}


def _vcpus(found: Found) -> Iterator[tuple[Counts, Labels]]:
    for vm, _ in found:
        for number, counts in sorted(vm.vcpus.items()):
            yield counts, {"vm": vm.number, "pid": vm.pid, "vcpu": number}


def _plain(counter: Counter, found: Found) -> Iterator[str]:
    name = counter.name if counter.now else f"{counter.name}_total"
    yield from head(name, "gauge" if counter.now else "counter", counter.about)
    for counts, labels in _vms(found) if counter.whose == "vm" else _vcpus(found):
        yield sample(name, labels, counts.value(counter.name))


def _times(counter: Counter, found: Found) -> Iterator[str]:
    """Bar n has the times below 2^n ns that are in no bar before it; the last one has all that are longer, too."""
    name = counter.name.replace("_hist", "_seconds")
    yield from head(name, "histogram", counter.about)
    for counts, labels in _vcpus(found):
        bars, so_far = counts.bars.get(counter.name, {}), 0
        for bar in range(TIMES - 1):
            so_far += bars.get(bar, 0)
            yield sample(f"{name}_bucket", labels | {"le": 2 ** bar / 1e9}, so_far)
        so_far += bars.get(TIMES - 1, 0)
        yield sample(f"{name}_bucket", labels | {"le": "+Inf"}, so_far)
        yield sample(f"{name}_sum", labels, counts.value(TIME_SUMS[counter.name]) / 1e9)
        yield sample(f"{name}_count", labels, so_far)


def _by_class(counter: Counter, found: Found) -> Iterator[str]:
    """Only the classes that occur: each is a time series of its own to the reader."""
    name = f"{counter.name}_total"
    yield from head(name, "counter", counter.about)
    for counts, labels in _vcpus(found):
        for level, bars in counts.by_level().items():
            for ec, count in sorted(bars.items()):
                yield sample(name, labels | {"level": level, "class": classes.name(ec)}, count)


def text(found: Found) -> str:
    lines = [*head("vm_info", "gauge", "Always 1: the VMM's command and the guest's name")]
    lines += [sample("vm_info", {"vm": vm.number, "pid": vm.pid, "command": vmm.command, "name": vmm.name}, 1) for vm, vmm in found]
    for counter in COUNTERS:
        if counter.words == TIMES:
            lines += _times(counter, found)
        elif counter.name == EXITS:
            lines += _by_class(counter, found)
        # The other histograms of classes are in that one by their levels, and the sums of times in their histograms.
        elif counter.words != CLASSES and counter.name not in TIME_SUMS.values():
            lines += _plain(counter, found)
    return "\n".join(lines) + "\n"
