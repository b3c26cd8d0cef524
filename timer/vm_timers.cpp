// SPDX-License-Identifier: GPL-2.0-only
#include <timer/vm_timers.hpp>

namespace nest::timer {

void VmTimers::set_offset(Atomic<u64>& which, u64 value) {
    which.store_relaxed(value);
    // Release: who reads the new generation (acquire) reads the new offset as well.
    memory_barrier();
    generation_.fetch_add_relaxed(1);
}

void VmTimers::start_virtual_count(u64 host_count) {
    if (offset_chosen_.load_acquire())
        return;
    set_offset(physical_offset_, 0);
    set_offset(virtual_offset_, host_count);
}

void VmTimers::set_virtual_count(u64 guest_count, u64 host_count) {
    if (!offset_chosen_.load_acquire())
        set_offset(virtual_offset_, host_count - guest_count);
}

void VmTimers::set_physical_count(u64 guest_count, u64 host_count) {
    if (!offset_chosen_.load_acquire())
        set_offset(physical_offset_, host_count - guest_count);
}

void VmTimers::set_el2_count(u64 guest_count, u64 host_count) {
    const u64 behind = host_count - guest_count;
    const bool unnoticed = !host_.cntpoff && !physical_offset_.load_relaxed() && host_.scale.to_ns(behind) < kUnnoticedNs;
    if (!unnoticed)
        set_physical_count(guest_count, host_count);
}

void VmTimers::restore_physical_offset(u64 offset) {
    if (!offset_chosen_.load_acquire() && physical_offset_.load_relaxed() != offset)
        set_offset(physical_offset_, offset);
}

Status VmTimers::set_counter_offset(u64 counter_offset, u64 reserved) {
    if (reserved)
        return Errno::kInval;
    offset_chosen_.store_release(1);
    set_offset(virtual_offset_, counter_offset);
    set_offset(physical_offset_, counter_offset);
    return kOk;
}

Status VmTimers::has_attribute(u64 attribute) { return attribute < kTimerCount ? kOk : Status(Errno::kNxIo); }

Status VmTimers::set_ppi(bool irqchip_in_kernel, u64 attribute, s32 intid) {
    if (!irqchip_in_kernel || intid < 16 || intid > 31)
        return Errno::kInval;
    if (ppis_frozen_)
        return Errno::kBusy;
    NEST_TRY(has_attribute(attribute));
    ppi_[attribute] = static_cast<u32>(intid);  // that they differ can only be judged once all are set: freeze_ppis
    return kOk;
}

Result<u32> VmTimers::ppi(u64 attribute) const {
    NEST_TRY(has_attribute(attribute));
    return ppi_[attribute];
}

Status VmTimers::freeze_ppis(unsigned timers) {
    u32 seen = 0;
    for (unsigned i = 0; i < timers; i++) {
        const u32 bit = u32{1} << (ppi_[i] & 31);
        if (seen & bit)
            return Errno::kInval;
        seen |= bit;
    }
    ppis_frozen_ = true;
    return kOk;
}

}  // namespace nest::timer
