// SPDX-License-Identifier: GPL-2.0-only
// A vCPU with virtual EL2 at the edges of the guest: exceptions to virtual EL2, and what a switch between virtual EL2 and L2
// leaves to be done.
//
// The registers change worlds at once, in tier 0 (nested/cpu/world_switch.hpp). What serves the world comes after them: mostly
// in tier 0, too (kvm/tier0/run_in_guest_nested.cpp), else by way of the host, before the next entry: complete_switch() for
// the timers, flush_gic() for the CPU interface, prepare_world() for the shadow.
#pragma once
#include <base/tier0.hpp>
#include <kvm/vm/vcpu.hpp>
#include <nested/cpu/exception.hpp>

namespace nest::kvm {

// What the trap controls of both worlds are made of, at this moment: for nested::load_world(), which must follow.
// Preemption off.
nested::TrapSources trap_sources(Vcpu& vcpu);

// The trap controls that the vCPU runs with.
NEST_TIER0 inline const vhe::TrapConfig& active_traps(const Vcpu& vcpu) {
    return vcpu.vel2.present() ? vcpu.vel2.traps() : vcpu.traps;
}

// Takes an exception to virtual EL2 at once, wherever the vCPU is: in tier 0, in tier 1, or not loaded. PC is the
// preferred return address.
void forward_to_vel2(Vcpu& vcpu, const nested::Exception& exception);

// Tier 0, after an exit was handled: MDSCR_EL1, which virtual EL2 may write without our seeing it, takes effect. `loaded`:
// what activate() gave the hardware, kept up to date. False: the next entry has to go by way of the host.
bool refresh_changed_debug(Vcpu& vcpu, vhe::DebugEntry& loaded);
// Nothing but MDSCR_EL1's own value can ask for more than what is loaded, as long as no debug register is written.
NEST_TIER0 inline bool only_mdscr_matters(const Vcpu& vcpu, const vhe::DebugEntry& loaded) {
    using M = arch::MDSCR_EL1;
    // Of an MDSCR_EL1 without KDE.
    const auto traps = nested::debug_traps_for(vcpu.debug.armed, M{}, false, vcpu.vel2.hypervises());
    return !loaded.bank && !(loaded.mdscr.raw & M::mask<M::MDE, M::KDE>()) && vcpu.debug.control == 0 &&
           !vcpu.debug.os_lock && traps == vcpu.nested.debug_traps;
}
NEST_TIER0 inline bool refresh_debug(Vcpu& vcpu, vhe::DebugEntry& loaded) {
    return (vcpu.regs.get<arch::MDSCR_EL1>() == loaded.mdscr && only_mdscr_matters(vcpu, loaded)) ||
           refresh_changed_debug(vcpu, loaded);
}

// An interrupt or SError for L1 ends L2's time. Before an entry, tier 1.
void preempt_l2(Vcpu& vcpu);
// The same question with interrupts off, after the vCPU has announced its entry. Tier 1.
bool must_preempt_l2(Vcpu& vcpu);

// Brings timers in line with the world that the vCPU is in. Before an entry: preemption off, interrupts on, vGIC synced.
void complete_switch(Vcpu& vcpu);
// Stage 2 of L2. Before an entry, preemption on; may sleep. ENOMEM.
Status prepare_world(Vcpu& vcpu);

// Do timers, vGIC and stage 2 still serve the world that the vCPU was in? Then an entry needs the way by the host.
inline bool switch_pending(const Vcpu& vcpu) { return vcpu.vel2.world() != vcpu.nested.served_world; }

}  // namespace nest::kvm
