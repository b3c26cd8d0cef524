// SPDX-License-Identifier: GPL-2.0-only
// The two loops of enter_guest(): into the guest and out of it, as long as tier 0 can decide what it came out for.
#pragma once
#include <kvm/enter.hpp>
#include <kvm/machine.hpp>
#include <vhe/world_switch.hpp>

namespace nest::kvm {

// Guest context loaded, all exceptions masked. `debug`: what activate() gave the hardware; follows MDSCR_EL1.
Exit stay_flat(Cpu& c, PerCpu& here, Vcpu& vcpu);
Exit stay_nested(Cpu& c, PerCpu& here, Vcpu& vcpu, vhe::DebugEntry& debug);

}  // namespace nest::kvm
