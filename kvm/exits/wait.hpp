// SPDX-License-Identifier: GPL-2.0-only
// A vCPU's thread that waits, and what ends that.
#pragma once
#include <kvm/vm/vcpu.hpp>

namespace nest::kvm {

// May the wait that the vCPU's thread is in end? Any context.
bool wait_is_over(Vcpu& vcpu);
// Would WFI fall through? The vCPU is not in the guest.
bool has_wakeup_event(Vcpu& vcpu);

// Until wait_is_over() or a signal. Preemptible.
void wait_for(Vcpu& vcpu, WaitFor what);

// Blocks like WFI until an interrupt, a request, a signal, or `wait`'s deadline. Preemptible.
void block(Vcpu& vcpu, timer::Wait wait);

}  // namespace nest::kvm
