// SPDX-License-Identifier: GPL-2.0-only
// Changes of a vCPU's timers while they are loaded: another offset, TGE, the pair that owns the hardware.
#include <timer/load_put.hpp>

namespace nest::timer {

[[gnu::noinline]] void VcpuTimers::reload(arch::Cpu& cpu) {
    const IrqsOff off;
    save(cpu);
    restore_all(cpu);
}

void VcpuTimers::shift_regime(arch::Cpu& cpu, bool guest) {
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

bool VcpuTimers::share_el1_pair(arch::Cpu& cpu, bool vel2, arch::CNTHCTL_EL2 l1) {
    if (hyp_direct_ || !loaded_)
        return false;
    adopt_stores(cpu);
    if (!vel2 && l1 != l1_controls_) [[unlikely]]
        set_l1_controls(l1);
    // It acts at virtual EL2 as well: CNTVCT_EL0 at EL2 without E2H has the offset.
    follow_l1s_offset(cpu);
    vel2_shares_ = vel2;
    publishes_ = vel2 && !vm_->host().ecv;
    set_traps(cpu, trap_bits_for(guest()));
    if (publishes_)
        publish(cpu);
    // Another thread may change the VM's offset at any moment, and flush() then loads the pair anew for the world named here.
    return !needs_flush();
}

void VcpuTimers::tell_fallen(arch::Cpu& cpu) {
    fell_ = false;
    for (Slot slot : kSlots) {
        const TimerId id = direct(slot);
        if (!irqchip_in_kernel_ || asserted(cpu, id))
            continue;
        lines_->set_level(id, false);
        lines_->set_physical_active(slot, lines_->vgic_active_or_pending(id));
    }
}

void VcpuTimers::publish(arch::Cpu& cpu) {
    TimerContext& t = context(TimerId::kVirtual);
    t.set_ctl(read_ctl(cpu, Slot::kVirtual) & (kCtlWritable | kCtlIStatus));
    t.set_cval(read_cval(cpu, Slot::kVirtual));
    t.remember();
}

// A cell that L1 has not stored to is left alone: hardware may have a newer value than the cell, as CNTV_TVAL_EL0 is no memory
// with NV2, and without NV2 none of the three is.
void VcpuTimers::adopt_published(arch::Cpu& cpu) {
    const TimerContext& t = context(TimerId::kVirtual);
    follow_l1s_offset(cpu);
    if (t.ctl_changed() || t.cval_changed()) {
        const bool before = asserts(read_ctl(cpu, Slot::kVirtual));
        if (t.cval_changed())
            write_cval(cpu, Slot::kVirtual, t.cval());
        if (t.ctl_changed())
            write_ctl(cpu, Slot::kVirtual, t.ctl() & kCtlWritable);
        cpu.isb();
        note_fall(cpu, Slot::kVirtual, before);
    }
    publish(cpu);  // for the next stay: ISTATUS, and what L1 has written past the cells
}

void VcpuTimers::switch_direct(arch::Cpu& cpu, bool hyp, arch::CNTHCTL_EL2 l1) {
    if (hyp_is_direct() == hyp)
        return;
    if (loaded_) {
        cancel_soft();
        const IrqsOff off;
        save(cpu);
    }
    l1_controls_ = l1;
    make_direct(hyp);
    vel2_shares_ = publishes_ = false;
    catch_up();
    if (!loaded_)
        return;
    const u64 now = host_count(cpu);
    {
        const IrqsOff off;
        claim_lines(now);
        restore_all(cpu);
    }
    // While the timers that left were in hardware the vGIC sampled their lines; from now on it has to be told the levels.
    evaluate_soft(now, true);
    arm_soft(now);
    soft_dirty_ = false;
}

}  // namespace nest::timer
