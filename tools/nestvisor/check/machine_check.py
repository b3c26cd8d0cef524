# SPDX-License-Identifier: GPL-2.0-only
"""All lines of the check, in the order in which a person would look."""

from collections.abc import Iterator

from nestvisor.check import clients, device, module, platform, refusals
from nestvisor.check.line import OK, Line
from nestvisor.machine.sources import Sources


def lines(sources: Sources) -> Iterator[Line]:
    """On another architecture nothing but the first one makes sense."""
    first = platform.architecture(sources)
    yield first
    if first.verdict != OK:
        return
    refusal = refusals.last(sources.log)
    yield platform.el2(sources, refusal, device.is_own_kvm(sources))
    yield platform.vhe(sources, refusal)
    yield platform.gic(sources, refusal)
    yield platform.pages(sources)
    yield module.boot_parameter(sources)
    yield module.module(sources, refusal)
    yield module.signature(sources)
    yield device.owner(sources)
    yield device.access(sources)
    yield device.nesting(sources)
    yield from clients.vmm(sources)
