// SPDX-License-Identifier: GPL-2.0-only
// KVM_ARM_VCPU_INIT, and the reset of a vCPU.
#pragma once
#include <base/result.hpp>
#include <kvm/abi/registers.hpp>
#include <kvm/cpu/cpu_state.hpp>
#include <kvm/cpu/power.hpp>

namespace nest::kvm {

// KVM_ARM_VCPU_* that this machine and module can give, as bits: pointer authentication if the host has both kinds of
// it; KVM_ARM_VCPU_HAS_EL2 if `nested`, and KVM_ARM_VCPU_HAS_EL2_E2H0 if `e2h0` as well; KVM_ARM_VCPU_SVE if `sve`.
u64 supported_vcpu_features(bool nested, bool e2h0 = false, bool sve = false);

// KVM_ARM_PREFERRED_TARGET.
constexpr abi::VcpuInit preferred_target() { return {abi::KVM_ARM_TARGET_GENERIC_V8, {}}; }

// KVM_ARM_VCPU_INIT: checks, fixes the VM's features with the first call, and resets the vCPU. True: it starts powered
// off (KVM_ARM_VCPU_POWER_OFF). kInval: another target, a feature that is not supported here, half of pointer
// authentication, KVM_ARM_VCPU_HAS_EL2_E2H0 alone, or other features than before in this VM. kNoEnt: a feature that does not exist.
// The vCPU's mutex is held, its state is in memory. Timers and the vGIC are the caller's.
Result<bool> init_vcpu(CpuState& state, const abi::VcpuInit& init, u64 supported);

// All registers to their reset values; identification registers that a VMM set survive. State in memory.
void reset_vcpu(CpuState& state);

// The reset of PSCI's CPU_ON: the entry point, its argument in x0, and the caller's byte order. State in memory.
void reset_vcpu(CpuState& state, const PowerOn& on);

// MPIDR_EL1 of a vCPU by its number: [3:0] Aff0, [11:4] Aff1, [19:12] Aff2. ICC_SGI1R_EL1 can name 16 CPUs in one Aff0.
constexpr u64 mpidr_of(unsigned id) {
    return u64{1} << 31 | (id & 0xf) | u64{id >> 4 & 0xff} << 8 | u64{id >> 12 & 0xff} << 16;
}

// Before a vCPU's first entry, after IdRegisters::freeze(): what the world switch takes from the register file.
void publish_id_registers(CpuState& state);

}  // namespace nest::kvm
