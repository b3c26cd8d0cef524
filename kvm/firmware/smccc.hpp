// SPDX-License-Identifier: GPL-2.0-only
// The guest's calls to its firmware: HVC and trapped SMC under the SMC Calling Convention.
#pragma once
#include <kvm/firmware/smccc_vcpu.hpp>
#include <vhe/next.hpp>

namespace nest::kvm {

// For a call that only returns a value, or is denied: x[0] to x[3] are the guest's, in and out. False, with `x` untouched: the
// call needs smccc_call(), in tier 1. Context: any, no locks, interrupts may be off. For an SMC, the caller has to move PC past
// the instruction.
bool smccc_answers_from_registers(const SmcccConfig& vm, const SmcccCaller& caller, u64* x);

// The instruction that made the call.
struct Conduit {
    bool smc = false;    // KVM_HYPERCALL_EXIT_SMC
    bool il16 = false;   // a 16-bit Thumb instruction, KVM_HYPERCALL_EXIT_16BIT
};

// The whole call: kResume with the registers set, or kUser with kvm_run filled in. May sleep.
vhe::Next smccc_call(const SmcccConfig& vm, SmcccVcpu& vcpu, PsciVm& psci, Conduit conduit);

}  // namespace nest::kvm
