// SPDX-License-Identifier: GPL-2.0-only
// VcpuTimers: vEL2 and L2 exchange the hardware's timers in tier 0. Included by vcpu_timers.hpp only.
//
// This runs twice for each exception that L1 handles for L2: each register once, two ISBs in all.
#pragma once

namespace nest::timer {

// May the timer in the hardware become a soft one without a word to anybody? It must not assert, and the alarm must come
// before its deadline.
inline bool VcpuTimers::may_leave(const TimerContext& t, const Live& live, u64 host_count) const {
    if (asserts(live.ctl))
        return false;
    if ((live.ctl & kCtlWritable) != kCtlEnable)
        return true;
    const u64 left = live.cval - (host_count - t.loaded_offset);
    const u64 deadline = host_count + left < host_count ? kNever : host_count + left;
    return soft_armed_ && alarm_ > host_count && alarm_ <= deadline;
}

template <arch::Cpu C>
bool VcpuTimers::try_switch_direct(C& cpu, bool hyp, arch::CNTHCTL_EL2 l1) {
    if (!loaded_ || !irqchip_in_kernel_ || hyp_is_direct() == hyp || needs_flush())
        return false;
    // The callback looks at the soft timers of this moment, and must not do so half-way.
    if (!soft_lock_.try_lock_in_tier0())
        return false;
    static_assert(index_of(TimerId::kHypVirtual) == 2 && index_of(TimerId::kHypPhysical) == 3);
    TimerContext* const leave = &contexts_[hyp ? 0 : 2];
    const TimerContext* const come = &contexts_[hyp ? 2 : 0];
    const u64 now = host_count(cpu);
    bool may = true;
    Live live[2];
    for (Slot slot : kSlots) {
        const unsigned i = index_of(slot);
        live[i] = {read_ctl(cpu, slot), mirrored(slot) ? leave[i].cval() : read_cval(cpu, slot)};
        may = may && may_leave(leave[i], live[i], now) && !come[i].level && !come[i].should_fire(now);
    }
    if (may) {
        for (Slot slot : kSlots) {
            TimerContext& t = leave[index_of(slot)];
            write_ctl(cpu, slot, 0);
            t.set_ctl(live[index_of(slot)].ctl & (kCtlWritable | kCtlIStatus));
            t.set_cval(live[index_of(slot)].cval);
            t.remember();
            t.in_hardware = false;
        }
        cpu.isb();
        l1_controls_ = l1;
        make_direct(hyp);
        restore_all(cpu);
    }
    soft_lock_.unlock_in_tier0();
    return may;
}

}  // namespace nest::timer
