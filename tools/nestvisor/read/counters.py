# SPDX-License-Identifier: GPL-2.0-only
"""What the module counts: kvm/stats/counters.def in words for a person. A test compares the two.

`whose`: "vcpu", "vm", or "sum", a vCPU's of which its VM has the sum. `words` is 1 for a plain counter, else the number of
bars of a histogram.
"""

from typing import NamedTuple


class Counter(NamedTuple):
    whose: str
    name: str
    about: str
    words: int = 1
    now: bool = False           # a state, which goes up and down, and not a count of what has happened


EXITS, VEL2_EXITS, L2_EXITS = "exits_by_class", "nested_vel2_exits_by_class", "nested_l2_exits_by_class"
CLASSES, TIMES = 64, 32         # bars of a histogram of exception classes, and of one of times
# A histogram of times, and the counter that has the sum of its times in nanoseconds.
TIME_SUMS = {f"{what}_hist": f"{what}_ns" for what in ("halt_poll_success", "halt_poll_fail", "halt_wait")}

COUNTERS = [
    Counter("vm", "remote_tlb_flush", "Broadcast TLB invalidations of the VM's own stage 2"),
    Counter("vm", "remote_tlb_flush_requests", "Requests for broadcast TLB invalidations"),
    Counter("vm", "mmu_notifier_invalidations", "Ranges that the host's memory management took out of stage 2"),
    Counter("vcpu", "halt_successful_poll", "Waits that ended while the vCPU polled"),
    Counter("vcpu", "halt_attempted_poll", "Waits that began with polling"),
    Counter("vcpu", "halt_poll_invalid", "Wake-ups during polling that were none; always 0"),
    Counter("vcpu", "halt_wakeup", "Wake-ups of a vCPU that slept"),
    Counter("vcpu", "halt_poll_success_ns", "Nanoseconds of polling that ended with a wake-up"),
    Counter("vcpu", "halt_poll_fail_ns", "Nanoseconds of polling that ended with sleep"),
    Counter("vcpu", "halt_wait_ns", "Nanoseconds of sleep"),
    Counter("vcpu", "halt_poll_success_hist", "Polling that ended with a wake-up", TIMES),
    Counter("vcpu", "halt_poll_fail_hist", "Polling that ended with sleep", TIMES),
    Counter("vcpu", "halt_wait_hist", "Sleep", TIMES),
    Counter("vcpu", "blocking", "1 while the vCPU waits", now=True),
    Counter("vcpu", "hvc_exit_stat", "Exits by HVC"),
    Counter("vcpu", "wfe_exit_stat", "Exits by WFE"),
    Counter("vcpu", "wfi_exit_stat", "Exits by WFI"),
    Counter("vcpu", "mmio_exit_user", "Device accesses that the VMM answered"),
    Counter("vcpu", "mmio_exit_kernel", "Device accesses that the module answered"),
    Counter("vcpu", "signal_exits", "Returns to the VMM because of a signal"),
    Counter("sum", "exits", "Exits from the guest"),
    Counter("sum", "tier0_exits", "Exits handled with the guest's context loaded"),
    Counter("sum", "tier1_exits", "Exits handled by way of the host"),
    Counter("sum", "user_exits", "Returns to the VMM"),
    Counter("sum", "irq_exits", "Exits by interrupts of the host"),
    Counter("vcpu", "serror_exits", "Exits by SErrors"),
    Counter("vcpu", "stage2_faults", "Faults that mapped memory at stage 2"),
    Counter("sum", "nested_vel2_exits", "Synchronous exits from virtual EL2"),
    Counter("sum", "nested_l2_exits", "Synchronous exits from L2"),
    Counter("sum", "nested_forwards", "Exits of L2 that virtual EL2 took"),
    Counter("sum", "nested_erets", "ERETs of virtual EL2"),
    Counter("sum", "nested_tier0_switches", "Changes between virtual EL2 and L2 without the host"),
    Counter("vm", "shadow_hits", "Shadow stage 2s found again"),
    Counter("vm", "shadow_misses", "Shadow stage 2s made anew"),
    Counter("vm", "shadow_evictions", "Shadow stage 2s given up for another"),
    Counter("vm", "shadow_faults_mapped", "Faults of L2 that mapped memory in a shadow"),
    Counter("vm", "shadow_faults_forwarded", "Faults of L2 that were L1's to handle"),
    Counter("vm", "shadow_faults_brought_in", "Faults of L2 that first brought L1's memory in"),
    Counter("vm", "shadow_dropped_by_tlbi", "Shadow mappings dropped by L1's TLB invalidations"),
    Counter("vm", "shadow_dropped_by_notifier", "Shadow mappings dropped by the host's memory management"),
    Counter("vm", "shadow_dropped_by_memslot", "Shadow mappings dropped by changes of memslots"),
    Counter("vm", "shadow_dropped_by_dirty_log", "Shadow mappings dropped for dirty logging"),
    Counter("vm", "shadow_dropped_by_remap", "Shadow mappings dropped as stage 2 changed"),
    Counter("vm", "shadow_untracked_leaves", "Shadow mappings without an entry in the reverse map"),
    Counter("vm", "shadow_rmap_overflows", "Overflows of the reverse map of shadows"),
    Counter("vm", "vncr_translations", "Translations of L1's VNCR_EL2"),
    Counter("vm", "vncr_dropped", "Translations of L1's VNCR_EL2 dropped"),
    Counter("sum", EXITS, "Synchronous exits by exception class", CLASSES),
    Counter("sum", VEL2_EXITS, "Synchronous exits from virtual EL2 by exception class", CLASSES),
    Counter("sum", L2_EXITS, "Synchronous exits from L2 by exception class", CLASSES),
]
