// SPDX-License-Identifier: GPL-2.0-only
// Tier 1: what becomes of a synchronous exit back in the host kernel.
#pragma once
#include <kvm/vm/vcpu.hpp>

namespace nest::kvm {

// Handles the exit that vcpu.context.esr describes, by exception class. Preemptible, the vCPU attached to its thread; sleeps.
Next handle_exit(Vcpu& vcpu);

}  // namespace nest::kvm
