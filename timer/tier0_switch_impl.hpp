// SPDX-License-Identifier: GPL-2.0-only
// VcpuTimers: vEL2 and L2 exchange the hardware's timers in tier 0. Included by vcpu_timers.hpp only.
//
// This runs twice for each exception that L1 handles for L2: each register once, two ISBs in all.
#pragma once

namespace nest::timer {

// May the timer in the hardware become a soft one without a word to anybody? It must not assert, and the alarm must come
// before its deadline.
[[gnu::always_inline]] inline bool VcpuTimers::may_leave(const TimerContext& t, const Live& live, u64 host_count) const {
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
    return hyp ? exchange<true>(cpu, l1) : exchange<false>(cpu, l1);
}

// One function for each direction, so that the contexts are at known places.
template <bool hyp, arch::Cpu C>
[[gnu::always_inline]] inline bool VcpuTimers::exchange(C& cpu, arch::CNTHCTL_EL2 l1) {
    static_assert(index_of(TimerId::kHypVirtual) == 2 && index_of(TimerId::kHypPhysical) == 3);
    TimerContext* const leave = &contexts_[hyp ? 0 : 2];
    TimerContext* const come = &contexts_[hyp ? 2 : 0];
    // The callback looks at the soft timers of this moment, and must not do so half-way. With no alarm set there is none.
    const bool locked = soft_armed_;
    if (locked && !soft_lock_.try_lock_in_tier0())
        return false;
    const Live v{read_ctl(cpu, Slot::kVirtual), read_cval(cpu, Slot::kVirtual)};
    const Live p{read_ctl(cpu, Slot::kPhysical),
                 mirrored(leave[1]) ? leave[1].cval() : read_cval(cpu, Slot::kPhysical)};
    const bool any_enabled = (v.ctl | p.ctl | come[0].ctl() | come[1].ctl()) & kCtlEnable;
    bool may = !come[0].level && !come[1].level;
    if (any_enabled && may) {
        const u64 now = host_count(cpu);
        may = may_leave(leave[0], v, now) && may_leave(leave[1], p, now) && !come[0].should_fire(now) &&
              !come[1].should_fire(now);
    }
    if (may) {
        if (any_enabled) {
            write_ctl(cpu, Slot::kVirtual, 0);
            write_ctl(cpu, Slot::kPhysical, 0);
            cpu.isb();
        }
        leave[0].become_soft(v.ctl & (kCtlWritable | kCtlIStatus), v.cval);
        leave[1].become_soft(p.ctl & (kCtlWritable | kCtlIStatus), p.cval);
        make_direct(hyp);
        if (!hyp && l1 != l1_controls_) [[unlikely]]
            set_l1_controls(l1);
        restore_compare<Slot::kVirtual>(cpu, come[0]);
        restore_compare<Slot::kPhysical>(cpu, come[1]);
        if (any_enabled)
            cpu.isb();  // restore_all() says why
        write_ctl(cpu, Slot::kVirtual, come[0].ctl() & kCtlWritable);
        write_ctl(cpu, Slot::kPhysical, come[1].ctl() & kCtlWritable);
        come[0].in_hardware = come[1].in_hardware = true;
        set_traps(cpu, trap_bits_[hyp]);
    }
    if (locked)
        soft_lock_.unlock_in_tier0();
    return may;
}

}  // namespace nest::timer
