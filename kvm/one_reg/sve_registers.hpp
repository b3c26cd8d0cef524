// SPDX-License-Identifier: GPL-2.0-only
// KVM_REG_ARM64_SVE: the registers Z, P and FFR, and the set of vector lengths (Documentation/virt/kvm/api.rst, KVM_SET_ONE_REG and
// KVM_ARM_VCPU_FINALIZE). The state is in memory, the vCPU's mutex held.
#pragma once
#include <base/result.hpp>
#include <kvm/abi/registers.hpp>
#include <kvm/cpu/cpu_state.hpp>
#include <kvm/one_reg/core_registers.hpp>

namespace nest::kvm {

// Bytes of the register, for an id of the SVE group. kInval: no vCPU has such a register, or it has another size.
Result<unsigned> sve_register_size(u64 id);

// Both: kNoEnt for a vCPU without SVE, and for slices that no vector is long enough to have; kPerm for Z, P and FFR before
// KVM_ARM_VCPU_FINALIZE. What lies beyond the longest vector reads as 0.
Status get_sve_register(const CpuState& state, u64 id, RegisterBytes& value);
// kPerm also for the lengths once the vCPU is final. kInval: lengths that are not the machine's up to the longest of them (a bit for
// each number of quadwords less one).
Status set_sve_register(CpuState& state, u64 id, const RegisterBytes& value);

unsigned sve_register_count(const CpuState& state);
u64 sve_register_id(unsigned index);  // index below the count

}  // namespace nest::kvm
