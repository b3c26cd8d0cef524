// SPDX-License-Identifier: GPL-2.0-only
// VcpuTimers: vEL2 and L2 exchange the hardware's timers in tier 0. Included by vcpu_timers.hpp only.
//
// This runs twice for each exception that L1 handles for L2: each register once, two ISBs in all.
#pragma once
#include <base/tier0.hpp>

namespace nest::timer {

template <Slot kSlot>
NEST_TIER0 [[gnu::always_inline]] inline void VcpuTimers::restore_compare(arch::Cpu& cpu, TimerContext& t, u64 offset) {
    const u64 cval = t.cval();
    t.loaded_offset = offset;
    if constexpr (kSlot == Slot::kVirtual) {
        cpu.write(arch::CNTVOFF_EL2::of(offset));
        write_cval(cpu, kSlot, cval);
    } else {
        if (has_cntpoff_) {
            cpu.write(arch::CNTPOFF_EL2::of(offset));
            regime_shift_ = offset != 0;
        }
        write_cval(cpu, kSlot, offset && !guest_regime_ ? t.host_compare(host_count(cpu)) : cval);
    }
}

// May the timer in the hardware become a soft one without the vGIC and the hrtimer being told? The timer must not assert, and
// the alarm that is set must come before its deadline.
NEST_TIER0 [[gnu::always_inline]] inline bool VcpuTimers::may_leave(const TimerContext& t, const Live& live, u64 host_count) const {
    if (asserts(live.ctl))
        return false;
    if ((live.ctl & kCtlWritable) != kCtlEnable)
        return true;
    const u64 left = live.cval - (host_count - t.loaded_offset);
    const u64 deadline = host_count + left < host_count ? kNever : host_count + left;
    return soft_armed_ && alarm_ > host_count && alarm_ <= deadline;
}

// One function for each direction, so that the contexts are at known places. The VM's part of the offsets is el2_share_: the
// generation has not changed, or needs_flush() would say so.
template <bool hyp>
NEST_TIER0 [[gnu::always_inline]] inline bool VcpuTimers::exchange(arch::Cpu& cpu, arch::CNTHCTL_EL2 l1) {
    if (needs_flush())
        return false;
    TimerContext* const leave = &contexts_[hyp ? 0 : 2];
    TimerContext* const come = &contexts_[hyp ? 2 : 0];
    // The hrtimer's callback, on another CPU, must not see timers of which one has changed places and the other has not. With
    // no alarm set there is no callback.
    const bool locked = soft_armed_;
    if (locked && !soft_lock_.try_lock_in_tier0())
        return false;
    const Live v{read_ctl(cpu, Slot::kVirtual), read_cval(cpu, Slot::kVirtual)};
    const Live p{read_ctl(cpu, Slot::kPhysical),
                 mirrored(leave[1]) ? leave[1].cval() : read_cval(cpu, Slot::kPhysical)};
    const u64 next_v = come[0].ctl(), next_p = come[1].ctl();
    const bool any_enabled = (v.ctl | p.ctl | next_v | next_p) & kCtlEnable;
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
        // L1 offsets L2's virtual timer alone.
        restore_compare<Slot::kVirtual>(cpu, come[0], el2_share_ + (hyp ? 0 : come[0].vcpu_share()));
        restore_compare<Slot::kPhysical>(cpu, come[1], el2_share_);
        if (any_enabled)
            cpu.isb();  // restore_all() says why
        write_ctl(cpu, Slot::kVirtual, next_v & kCtlWritable);
        write_ctl(cpu, Slot::kPhysical, next_p & kCtlWritable);
        come[0].in_hardware = come[1].in_hardware = true;
        set_traps(cpu, trap_bits_for(hyp ? Guest::kVel2 : Guest::kEl1));
    }
    if (locked)
        soft_lock_.unlock_in_tier0();
    return may;
}

}  // namespace nest::timer
