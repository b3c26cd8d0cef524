// SPDX-License-Identifier: GPL-2.0-only
// Emulation of trapped MSR, MRS and system instructions (EC 0x18).
//
// Context: the vCPU's thread; tier 0 (interrupts off) as well as tier 1. No locks of our own: ID registers are constant
// once the VM runs, all else is the vCPU's.
#pragma once
#include <arch/syndrome.hpp>
#include <kvm/cpu/cpu_state.hpp>
#include <kvm/sysreg/sysreg_hooks.hpp>

namespace nest::kvm {

// Performs the access, and on kDone has set Rt. PC stays: give the result to finish_trap().
Emulation emulate_sysreg(CpuState& state, arch::SysRegIss iss, SysregHooks& hooks);

// Moves PC past the instruction, or takes the exception to the guest that `result` stands for. Not for kTier1.
void finish_trap(CpuState& state, Emulation result);

// CCSIDR_EL1 as CSSELR_EL1 (below kCsselrCount) selects it.
u32 ccsidr(const CpuState& state, u32 csselr);

}  // namespace nest::kvm
