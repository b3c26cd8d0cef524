// SPDX-License-Identifier: GPL-2.0-only
// The two loops of enter_guest(): into the guest and out of it, as long as tier 0 can handle the exits.
#pragma once
#include <kvm/tier0/enter.hpp>
#include <kvm/vm/machine.hpp>
#include <vhe/native.hpp>
#include <vhe/world_switch.hpp>

namespace nest::kvm {

// Into the guest, once.
inline Exit run_guest(PerCpu& here, Vcpu& vcpu) {
    const Exit exit{static_cast<vhe::ExitKind>(nest_enter_guest(&vcpu.context, &here.context)), false};
    vcpu.stats.exits++;
    return exit;
}

inline u8 world_of(const Vcpu& vcpu) {
    if (!vcpu.vel2.present())
        return NEST_TRACE_EL1;
    return vcpu.vel2.in_l2() ? NEST_TRACE_L2 : NEST_TRACE_VEL2;
}

// The exit that run_guest() has come back with, before anything is done about it; a synchronous one was captured, and FAR and HPFAR
// were 0 before.
inline void put_down(nest_trace_exit& seen, const Vcpu& vcpu, vhe::ExitKind kind) {
    const auto& c = vcpu.context;
    seen = {c.pc, kind == vhe::ExitKind::kSync ? c.esr : 0, c.far, c.hpfar, static_cast<u8>(kind), world_of(vcpu)};
}

// Guest context loaded, all exceptions masked. `debug`: what activate() gave the hardware; follows MDSCR_EL1.
Exit run_in_guest_flat(Cpu& c, PerCpu& here, Vcpu& vcpu);
Exit run_in_guest_nested(Cpu& c, PerCpu& here, Vcpu& vcpu, vhe::DebugEntry& debug);

// One round of these loops: what the exit has changed for the next entry is settled by way of the host.
Exit run_once_flat(Cpu& c, PerCpu& here, Vcpu& vcpu, nest_trace_exit& seen);
Exit run_once_nested(Cpu& c, PerCpu& here, Vcpu& vcpu, nest_trace_exit& seen);

}  // namespace nest::kvm
