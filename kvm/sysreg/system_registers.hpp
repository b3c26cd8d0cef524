// SPDX-License-Identifier: GPL-2.0-only
// KVM_REG_ARM64_SYSREG and KVM_REG_ARM_DEMUX: the system registers of a vCPU as a VMM saves and restores them.
#pragma once
#include <base/result.hpp>
#include <kvm/cpu/cpu_state.hpp>

namespace nest::kvm {

// kNoEnt: no such register for this vCPU. The vCPU's mutex is held.
Result<u64> get_system_register(const CpuState& state, arch::Encoding e);
// kNoEnt; kInval: not a value that the register can have. kBusy: an ID register of a VM that has run. Sleeps.
Status set_system_register(CpuState& state, arch::Encoding e, u64 value);

// All encodings that get_system_register() answers, one by one: the next at or after `from` (0 to begin with).
// False: there is none.
bool next_system_register(const CpuState& state, u32 from, arch::Encoding& found);

// CCSIDR_EL1 by CSSELR_EL1's value. kNoEnt: kCsselrCount or above. kInval: a line smaller than CTR_EL0's, or RES0 bits.
Result<u32> get_ccsidr(const CpuState& state, u32 csselr);
Status set_ccsidr(CpuState& state, u32 csselr, u32 value);

}  // namespace nest::kvm
