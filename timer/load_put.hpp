// SPDX-License-Identifier: GPL-2.0-only
// VcpuTimers::load() and put(), for the vCPU's load and put (kvm/run/load.cpp). In a header, to be inlined: as functions they
// made an exit to the VMM two per cent slower.
#pragma once
#include <base/preemption.hpp>
#include <timer/vcpu_timers.hpp>

namespace nest::timer {

// Offsets and CVALs must be in effect before a timer is enabled, or it could assert for a moment: so an ISB precedes the CTLs.
[[gnu::always_inline]] inline void VcpuTimers::restore_all(arch::Cpu& cpu) {
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
    // For every guest, as each pair of timers has the VM's physical offset: a switch of worlds then computes nothing.
    for (Guest g : kGuests)
        trap_bits_for(g) = trap_bits(traps_of(g));
    l1_controls_before_ = l1_controls_;
    trap_bits_before_ = trap_bits_for(Guest::kEl1);
    set_traps(cpu, trap_bits_for(guest()));
    if (publishes_) [[unlikely]]
        publish(cpu);
}

// One ISB for both timers: they are off before anybody else's registers are written.
[[gnu::always_inline]] inline void VcpuTimers::save(arch::Cpu& cpu) {
    adopt_stores(cpu);
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

inline void VcpuTimers::load(arch::Cpu& cpu) {
    if (!enabled_ || loaded_)
        return;
    cancel_soft();
    wait_ = {};
    set_el1_count_.holds = false;
    const u64 now = host_count(cpu);
    const IrqsOff off;
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

inline void VcpuTimers::put(arch::Cpu& cpu, const Wait& wait) {
    if (!loaded_)
        return;
    IrqGuard guard(soft_lock_);
    save(cpu);
    loaded_ = false;
    wait_ = wait;
    if (wait.blocking)
        arm_soft(host_count(cpu));
}

}  // namespace nest::timer
