// SPDX-License-Identifier: GPL-2.0-only
// Trapped MSR, MRS and system instructions of virtual EL2 itself (EC 0x18, not from its user space).
#pragma once
#include <kvm/vm/vcpu.hpp>
#include <nested/cpu/el2_hooks.hpp>

namespace nest::kvm {

// Emulates the access of the last exit. kDone: complete, PC included; kTier1: nothing has changed, tier 1 has to do it. In
// tier 1 the vCPU is loaded; sleeps.
nested::Outcome emulate_vel2_sysreg(Vcpu& vcpu, vhe::Tier tier);

}  // namespace nest::kvm
