// SPDX-License-Identifier: GPL-2.0-only
// How a vCPU's thread waits, and what ends the wait.
#pragma once
#include <kvm/vm/vcpu.hpp>

namespace nest::kvm {

// Should the wait of the vCPU's thread end? Any context.
bool wait_is_over(Vcpu& vcpu);
// Is there a reason for a WFI of the guest to end? The vCPU is not in the guest.
bool has_wakeup_event(Vcpu& vcpu);

// Sleeps until wait_is_over() or a signal. The vCPU's own thread, preemptible.
void wait_for(Vcpu& vcpu, WaitFor what);

// Blocks like WFI until an interrupt, a request, a signal, or `wait`'s deadline: polls, and then sleeps
// (kvm/vm/halt_poll.hpp). Preemptible.
void block(Vcpu& vcpu, timer::Wait wait);

}  // namespace nest::kvm
