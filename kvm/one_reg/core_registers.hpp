// SPDX-License-Identifier: GPL-2.0-only
// KVM_REG_ARM_CORE: general-purpose and FP/SIMD registers, PC, PSTATE, and the EL1 registers that the ABI counts as core.
#pragma once
#include <base/result.hpp>
#include <kvm/abi/registers.hpp>
#include <kvm/cpu/cpu_state.hpp>

namespace nest::kvm {

inline constexpr unsigned kRegisterBytes = 256;  // the largest register, Z0
using RegisterBytes = u8[kRegisterBytes];

// Bytes of the register, for an id of the core group. kNoEnt: beyond struct kvm_regs. kInval: no register begins there,
// or it has another size.
Result<unsigned> core_register_size(u64 id);

// Fills the low bytes of `value`, as many as core_register_size() says; the others are left alone.
Status get_core_register(const CpuState& state, u64 id, RegisterBytes& value);
// Both: kInval for V0 to V31 of a vCPU with SVE, which are parts of Z0 to Z31 (kvm/one_reg/sve_registers.hpp).
// kInval also for a PSTATE whose mode this vCPU cannot be in. In AArch32, r0 to r14 and PC are cut to 32 bits.
Status set_core_register(CpuState& state, u64 id, const RegisterBytes& value);

// V0 to V31 included.
unsigned core_register_count();
u64 core_register_id(unsigned index);  // index below the count
bool is_v_register(u64 id);

}  // namespace nest::kvm
