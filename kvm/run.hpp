// SPDX-License-Identifier: GPL-2.0-only
// KVM_RUN.
#pragma once
#include <kvm/vcpu.hpp>

namespace nest::kvm {

// Runs the guest until the VMM has to act. 0 with kvm_run filled in, or -EINTR (a signal), -ENOEXEC (not initialised),
// -EPERM (not finalised) and what the first run checks. The vCPU's mutex is held.
Status run(Vcpu& vcpu);

// Blocks like WFI until an interrupt, a request or a signal. Interrupts and preemption on.
void block(Vcpu& vcpu);

// Gives the FP/SIMD registers back before anything that may use them in the kernel; the guest's are saved.
void release_fpsimd(Vcpu& vcpu);

}  // namespace nest::kvm
