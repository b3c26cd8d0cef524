// SPDX-License-Identifier: GPL-2.0-only
// VcpuTimers where it touches the machine. Included by vcpu_timers.hpp only.
#pragma once

namespace nest::timer {

namespace detail {
class IrqsOff {
public:
    IrqsOff() : flags_(nest_port_irq_save()) {}
    ~IrqsOff() { nest_port_irq_restore(flags_); }
    IrqsOff(const IrqsOff&) = delete;
    IrqsOff& operator=(const IrqsOff&) = delete;

private:
    unsigned long flags_;
};
}  // namespace detail

template <Slot kSlot, arch::Cpu C>
[[gnu::always_inline]] inline void VcpuTimers::restore_compare(C& cpu, TimerContext& t, u64 offset) {
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

// The comparison must be complete before a timer may assert: one ISB stands between CVALs, offsets and CTLs.
template <arch::Cpu C>
void VcpuTimers::restore_all(C& cpu) {
    generation_ = vm_->generation();
    TimerContext& v = context(direct(Slot::kVirtual));
    TimerContext& p = context(direct(Slot::kPhysical));
    has_cntpoff_ = vm_->host().cntpoff;
    el2_share_ = vm_->physical_offset().load_relaxed();
    restore_compare<Slot::kVirtual>(cpu, v, v.offset());
    restore_compare<Slot::kPhysical>(cpu, p, p.offset());
    cpu.isb();
    write_ctl(cpu, Slot::kVirtual, v.ctl() & kCtlWritable);
    write_ctl(cpu, Slot::kPhysical, p.ctl() & kCtlWritable);
    v.in_hardware = p.in_hardware = true;
    v.level = p.level = false;  // from here on the vGIC samples the lines itself
    // Both: the physical offset behind them is the VM's.
    for (bool hyp : {false, true})
        trap_bits_[hyp] = trap_bits(traps_of(hyp));
    set_traps(cpu, trap_bits_[has_el2_ && hyp_is_direct()]);
}

// One ISB for both: the timers are off, and the next owner's registers come after it.
template <arch::Cpu C>
void VcpuTimers::save(C& cpu) {
    for (Slot slot : kSlots) {
        TimerContext& t = context(direct(slot));
        t.set_ctl(read_ctl(cpu, slot) & (kCtlWritable | kCtlIStatus));
        if (!mirrored(slot))
            t.set_cval(read_cval(cpu, slot));
        write_ctl(cpu, slot, 0);
    }
    cpu.isb();
    for (Slot slot : kSlots)
        context(direct(slot)).in_hardware = false;
}

template <arch::Cpu C>
void VcpuTimers::load(C& cpu) {
    if (!enabled_ || loaded_)
        return;
    cancel_soft();
    wait_ = {};
    set_el1_count_.holds = false;
    const u64 now = host_count(cpu);
    detail::IrqsOff off;
    claim_lines(now);
    guest_regime_ = false;
    restore_all(cpu);
    loaded_ = true;
    if (has_el2_) {
        evaluate_soft(now, false);
        arm_soft(now);
    }
    soft_dirty_ = false;
}

template <arch::Cpu C>
void VcpuTimers::put(C& cpu, const Wait& wait) {
    if (!loaded_)
        return;
    IrqGuard guard(soft_lock_);
    save(cpu);
    loaded_ = false;
    wait_ = wait;
    if (wait.blocking)
        arm_soft(host_count(cpu));
}

template <arch::Cpu C>
bool VcpuTimers::asserted(C& cpu, TimerId id) {
    const TimerContext& t = context(id);
    return t.in_hardware ? asserts(read_ctl(cpu, slot_of(id))) : t.should_fire(host_count(cpu));
}

template <arch::Cpu C>
void VcpuTimers::sync_watched(C& cpu) {
    if (has_el2_ && !soft_dirty_)
        soft_dirty_ = soft_changed();
    if (irqchip_in_kernel_)
        return;
    for (Slot slot : kSlots) {
        if (!ppi_held_[index_of(slot)] || asserted(cpu, direct(slot)))
            continue;
        ppi_held_[index_of(slot)] = false;
        lines_->set_physical_active(slot, false);
    }
}

template <arch::Cpu C>
void VcpuTimers::flush_changed(C& cpu) {
    if (loaded_ && vm_->generation() != generation_) {
        detail::IrqsOff off;
        save(cpu);
        restore_all(cpu);
    }
    soft_dirty_ = false;
    if (!has_el2_)
        return;
    cancel_soft();
    const u64 now = host_count(cpu);
    evaluate_soft(now, false);
    arm_soft(now);
}

template <arch::Cpu C>
void VcpuTimers::shift_regime(C& cpu, bool guest) {
    if (guest == guest_regime_)
        return;
    TimerContext& t = context(direct(Slot::kPhysical));
    guest_regime_ = guest;
    if (guest) {
        write_cval(cpu, Slot::kPhysical, t.cval());
    } else {
        t.set_cval(read_cval(cpu, Slot::kPhysical));
        write_cval(cpu, Slot::kPhysical, t.host_compare(host_count(cpu)));
    }
    cpu.isb();
}

template <arch::Cpu C>
void VcpuTimers::on_host_irq(C& cpu, Slot slot) {
    if (!loaded_) {
        mask_unowned(cpu, slot);
        lines_->set_physical_active(slot, false);
        return;
    }
    const TimerId id = direct(slot);
    if (!asserted(cpu, id))
        lines_->set_physical_active(slot, false);  // gone again: nobody else will ever deactivate the PPI
    else if (irqchip_in_kernel_)
        lines_->set_level(id, true);
    else
        ppi_held_[index_of(slot)] = true;  // forwarded, so it stays active without our doing
}

template <arch::Cpu C>
bool VcpuTimers::on_soft_timer(C& cpu) {
    const u64 now = host_count(cpu);
    bool fired[kTimerCount] = {};
    bool wake = false;
    {
        IrqGuard guard(soft_lock_);
        // One that is only preempted looks at everything when it is loaded again.
        const bool needs_alarm = loaded_ || wait_.blocking;
        if (earliest_ticks(now) != 0) {
            // Early, as the host's clock may be slewed against the counter; or meanwhile in the hardware; or cancelled.
            if (needs_alarm)
                arm_soft(now);
            return false;
        }
        for (unsigned i = 0; i < count(); i++) {
            TimerContext& t = contexts_[i];
            fired[i] = !t.in_hardware && t.should_fire(now) && !t.level;
            t.level |= fired[i];
        }
        wake = !irqchip_in_kernel_ || deadline_reached(now);
        if (wake)
            wait_.has_deadline = false;  // told once, as a level is; a vCPU that goes on sleeping brings it along again
        // The next of those that have not fired. A vCPU that sleeps on, as its interrupt controller lets nothing of this
        // through (the guest's PMR masks the tick, and it waits with WFIT), has nobody else to set the alarm.
        if (needs_alarm)
            arm_soft(now);
    }
    // Outside the lock: this wakes and kicks, and put() takes the lock under the run queue's.
    for (unsigned i = 0; i < count(); i++)
        if (fired[i] && irqchip_in_kernel_)
            lines_->set_level(static_cast<TimerId>(i), true);
    return wake;
}

template <arch::Cpu C>
u64 VcpuTimers::read_register(C& cpu, TimerAccess access) {
    const TimerContext& t = context(access.id);
    const Slot slot = slot_of(access.id);
    const u64 offset = t.in_hardware ? t.loaded_offset : t.offset();
    if (access.reg == TimerReg::kCount)
        return host_count(cpu) - offset;
    if (access.reg == TimerReg::kControl)
        return t.in_hardware ? read_ctl(cpu, slot) : t.ctl_at(host_count(cpu));
    const u64 cval = t.in_hardware && !mirrored(slot) ? read_cval(cpu, slot) : t.cval();
    return access.reg == TimerReg::kCompare ? cval : tval_of(cval, host_count(cpu) - offset);
}

template <arch::Cpu C>
void VcpuTimers::write_register(C& cpu, TimerAccess access, u64 value) {
    if (access.reg == TimerReg::kCount)
        return;
    TimerContext& t = context(access.id);
    const Slot slot = slot_of(access.id);
    const u64 offset = t.in_hardware ? t.loaded_offset : t.offset();
    if (access.reg == TimerReg::kValue)
        value = cval_of_tval(value, host_count(cpu) - offset);
    if (!t.in_hardware) {
        if (access.reg == TimerReg::kControl)
            t.set_ctl(value & kCtlWritable);
        else
            t.set_cval(value);
        soft_dirty_ = true;
        return;
    }
    if (access.reg == TimerReg::kControl) {
        write_ctl(cpu, slot, value & kCtlWritable);
    } else if (mirrored(slot)) {
        t.set_cval(value);
        write_cval(cpu, slot, t.host_compare(host_count(cpu)));
    } else {
        write_cval(cpu, slot, value);
    }
    cpu.isb();  // ISTATUS is right when the vGIC asks before the entry
}

template <arch::Cpu C>
bool VcpuTimers::update_device_irq_level(C& cpu, u64& level) {
    const u64 now = (asserted(cpu, TimerId::kVirtual) ? kDeviceIrqVtimer : 0) |
                    (asserted(cpu, TimerId::kPhysical) ? kDeviceIrqPtimer : 0);
    const u64 changed = (level ^ now) & (kDeviceIrqVtimer | kDeviceIrqPtimer);
    level ^= changed;
    return changed != 0;
}

template <arch::Cpu C>
void VcpuTimers::switch_direct(C& cpu, bool hyp, arch::CNTHCTL_EL2 l1) {
    if (hyp_is_direct() == hyp)
        return;
    if (loaded_) {
        cancel_soft();
        detail::IrqsOff off;
        save(cpu);
    }
    l1_controls_ = l1;
    make_direct(hyp);
    catch_up();
    if (!loaded_)
        return;
    const u64 now = host_count(cpu);
    {
        detail::IrqsOff off;
        claim_lines(now);
        restore_all(cpu);
    }
    // The vGIC sampled the lines of those that left the hardware itself: tell it where all soft ones stand.
    evaluate_soft(now, true);
    arm_soft(now);
    soft_dirty_ = false;
}

}  // namespace nest::timer
