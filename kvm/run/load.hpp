// SPDX-License-Identifier: GPL-2.0-only
// A vCPU's registers, onto the CPU that its thread runs on and off again.
#pragma once
#include <kvm/vm/vcpu.hpp>

namespace nest::kvm {

// The vCPU's thread comes onto this CPU, or leaves it. Preemption off.
void load(Vcpu& vcpu);
void put(Vcpu& vcpu);

// Computes the trap controls anew, and writes those that load() writes if they are loaded. The vCPU's thread.
void refresh_traps(Vcpu& vcpu);

}  // namespace nest::kvm
