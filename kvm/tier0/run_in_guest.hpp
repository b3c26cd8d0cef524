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

// Guest context loaded, all exceptions masked. `debug`: what activate() gave the hardware; follows MDSCR_EL1.
Exit run_in_guest_flat(Cpu& c, PerCpu& here, Vcpu& vcpu);
Exit run_in_guest_nested(Cpu& c, PerCpu& here, Vcpu& vcpu, vhe::DebugEntry& debug);

}  // namespace nest::kvm
