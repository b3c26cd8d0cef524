// SPDX-License-Identifier: GPL-2.0-only
// A vCPU with virtual EL2 at the edges of the guest: exceptions to virtual EL2, and what a switch between virtual EL2 and L2
// leaves to be done.
//
// The registers change worlds at once, in tier 0 (nested/cpu/world_switch.hpp). Timers, CPU interface and stage 2 follow:
// mostly in tier 0, too (kvm/tier0/run_in_guest_nested.cpp), else by way of the host, before the next entry, by
// complete_switch(), flush_gic() and prepare_world().
#pragma once
#include <base/tier0.hpp>
#include <kvm/vm/vcpu.hpp>
#include <nested/cpu/exception.hpp>

namespace nest::kvm {

// The sources of both worlds' trap controls, as they are now, for nested::load_world(), which must follow. Preemption off.
nested::TrapSources trap_sources(Vcpu& vcpu);

// The trap controls that the vCPU runs with.
NEST_TIER0 inline const vhe::TrapConfig& active_traps(const Vcpu& vcpu) {
    return vcpu.vel2.present() ? vcpu.vel2.traps() : vcpu.traps;
}

// Takes an exception to virtual EL2 at once, wherever the vCPU is: in tier 0, in tier 1, or not loaded. PC is the
// preferred return address.
void forward_to_vel2(Vcpu& vcpu, const nested::Exception& exception);

// Tier 0, after an exit was handled: gives hardware MDSCR_EL1, which virtual EL2 may have written without an exit. `loaded`:
// what activate() gave the hardware; kept up to date. False: the next entry has to go by way of the host.
bool refresh_changed_debug(Vcpu& vcpu, vhe::DebugEntry& loaded);
// True: as long as no other debug register is written, a new value of MDSCR_EL1 is the only reason to refresh.
NEST_TIER0 inline bool only_mdscr_matters(const Vcpu& vcpu, const vhe::DebugEntry& loaded) {
    using M = arch::MDSCR_EL1;
    // The traps for an MDSCR_EL1 without KDE.
    const auto traps = nested::debug_traps_for(vcpu.debug.armed, M{}, false, vcpu.vel2.hypervises());
    return !loaded.bank && !(loaded.mdscr.raw & M::mask<M::MDE, M::KDE>()) && vcpu.debug.control == 0 &&
           !vcpu.debug.os_lock && traps == vcpu.nested.debug_traps;
}
NEST_TIER0 inline bool refresh_debug(Vcpu& vcpu, vhe::DebugEntry& loaded) {
    return (vcpu.regs.get<arch::MDSCR_EL1>() == loaded.mdscr && only_mdscr_matters(vcpu, loaded)) ||
           refresh_changed_debug(vcpu, loaded);
}

// If an interrupt or SError for L1 has to end L2's time, takes it to virtual EL2. Before an entry, tier 1.
void preempt_l2(Vcpu& vcpu);
// Would preempt_l2() do something? Asked with interrupts off, after the vCPU has announced its entry: an interrupt may have
// come after preempt_l2(), while its kick found the vCPU outside of the guest. Tier 1.
bool must_preempt_l2(Vcpu& vcpu);

// If L1 has chosen another HCR_EL2.E2H at virtual EL2, brings all that hardware holds of virtual EL2 into the form for it. Before
// an entry: preemption on. True: it did, and the traps are to be computed anew (refresh_traps()).
[[nodiscard]] bool follow_e2h(Vcpu& vcpu);
// Brings timers in line with the world that the vCPU is in. Before an entry: preemption off, interrupts on, vGIC synced.
void complete_switch(Vcpu& vcpu);
// Makes a vCPU in L2 hold the shadow for L1's registers. Before an entry, preemption on; may sleep. ENOMEM.
Status prepare_world(Vcpu& vcpu);

// Do timers, vGIC and stage 2 still serve the world that the vCPU was in before the last switch?
inline bool switch_pending(const Vcpu& vcpu) { return vcpu.vel2.world() != vcpu.nested.served_world; }

}  // namespace nest::kvm
