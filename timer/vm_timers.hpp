// SPDX-License-Identifier: GPL-2.0-only
// What the timers of one VM share: the counter offsets, the guest's PPIs, and the machine's properties.
#pragma once
#include <base/atomic.hpp>
#include <base/result.hpp>
#include <timer/context.hpp>
#include <timer/ticks.hpp>

namespace nest::timer {

// Found once, when the module is loaded.
struct HostTimers {
    TickScale scale;
    bool cntpoff = false;         // FEAT_ECV_POFF: ID_AA64MMFR0_EL1.ECV >= 2
    bool ecv = false;             // FEAT_ECV: ID_AA64MMFR0_EL1.ECV >= 1
    u32 intid[2] = {27, 30};      // the host's PPI of each Slot, for list registers
};

class VmTimers {
public:
    // The guest's virtual count starts at 0: `host_count` is CNTPCT_EL0 now. Like with Linux's KVM it starts at 0 again with
    // each vCPU that is created (start_virtual_count()), as long as the VMM has not chosen an offset.
    VmTimers(const HostTimers& host, u64 host_count) : host_(host) { start_virtual_count(host_count); }

    const HostTimers& host() const { return host_; }
    const Atomic<u64>& virtual_offset() const { return virtual_offset_; }
    const Atomic<u64>& physical_offset() const { return physical_offset_; }
    // Changes whenever an offset does; a loaded vCPU compares it before each entry.
    u32 generation() const { return generation_.load_acquire(); }

    void start_virtual_count(u64 host_count);
    // ONE_REG writes of the counters; silently without effect after set_counter_offset, as the ABI says. Any vCPU's
    // thread, the vCPU's mutex held.
    void set_virtual_count(u64 guest_count, u64 host_count);
    void set_physical_count(u64 guest_count, u64 host_count);
    // The same for a VM with virtual EL2, whose kernel reads the physical counter all the time: without CNTPOFF_EL2 an offset
    // makes each read an exit. Now a VMM at its start writes back what it has just read. So a count that lies less than
    // kUnnoticedNs behind the machine's counter sets no offset, as if the write had come that much earlier.
    static constexpr u64 kUnnoticedNs = 10'000'000'000;
    void set_el2_count(u64 guest_count, u64 host_count);
    // Takes the effect of set_el2_count() back: `offset` is the one from before. Without effect after set_counter_offset().
    void restore_physical_offset(u64 offset);
    // KVM_ARM_SET_COUNTER_OFFSET (Documentation/virt/kvm/api.rst). EINVAL: `reserved` is not 0. The caller holds every vCPU's
    // mutex, or has answered EBUSY. `counter_offset`: ticks, subtracted from both counters.
    Status set_counter_offset(u64 counter_offset, u64 reserved);

    // KVM_ARM_VCPU_TIMER_CTRL (Documentation/virt/kvm/devices/vcpu.rst). Under the VM's configuration lock. Checked in Linux's
    // order: EINVAL without an in-kernel irqchip or for an INTID that is no PPI, EBUSY after the first run, ENXIO for another
    // attribute.
    Status set_ppi(bool irqchip_in_kernel, u64 attribute, s32 intid);
    Result<u32> ppi(u64 attribute) const;        // ENXIO
    static Status has_attribute(u64 attribute);  // ENXIO
    u32 ppi(TimerId id) const { return ppi_[index_of(id)]; }
    // At a vCPU's first run: the first `timers` PPIs must differ (EINVAL); from then on they stay. Configuration lock.
    Status freeze_ppis(unsigned timers);

private:
    void set_offset(Atomic<u64>& which, u64 value);

    const HostTimers& host_;
    Atomic<u64> virtual_offset_{0};
    Atomic<u64> physical_offset_{0};
    Atomic<u32> generation_{0};
    Atomic<u32> offset_chosen_{0};
    bool ppis_frozen_ = false;
    u32 ppi_[kTimerCount] = {27, 30, 28, 26};
};

}  // namespace nest::timer
