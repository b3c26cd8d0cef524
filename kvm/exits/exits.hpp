// SPDX-License-Identifier: GPL-2.0-only
// Tier 1: what becomes of a synchronous exit back in the host kernel.
#pragma once
#include <kvm/vm/vcpu.hpp>

namespace nest::kvm {

// By exception class. Preemptible, the vCPU attached to its thread; vcpu.context.esr says what happened.
Next handle_exit(Vcpu& vcpu);

}  // namespace nest::kvm
