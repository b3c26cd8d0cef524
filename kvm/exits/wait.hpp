// SPDX-License-Identifier: GPL-2.0-only
// A vCPU's thread that waits, and what ends that.
#pragma once
#include <kvm/vm/vcpu.hpp>

namespace nest::kvm {

// Until Vcpu::wait_is_over() or a signal. Preemptible.
void wait_for(Vcpu& vcpu, WaitFor what);

// Blocks like WFI until an interrupt, a request, a signal, or `wait`'s deadline. Preemptible.
void block(Vcpu& vcpu, timer::Wait wait);

}  // namespace nest::kvm
