// SPDX-License-Identifier: GPL-2.0-only
// Resets of a whole vCPU: registers, timers, interrupts, power.
#pragma once
#include <base/result.hpp>
#include <kvm/abi/registers.hpp>

namespace nest::kvm {

class Vcpu;

// KVM_ARM_VCPU_INIT. Errors: reset.hpp. The vCPU's mutex is held, it does not run.
Status initialize(Vcpu& vcpu, const abi::VcpuInit& init);

// Carries out the reset that a CPU_ON of another vCPU has requested (Power::on). The vCPU's mutex is held: by KVM_RUN, or by
// another ioctl. Sleeps.
void reset_for_cpu_on(Vcpu& vcpu);

}  // namespace nest::kvm
