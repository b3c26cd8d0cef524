// SPDX-License-Identifier: GPL-2.0-only
// Loads a vCPU's registers onto the CPU that its thread runs on, and puts them back into memory.
#pragma once
#include <kvm/vm/vcpu.hpp>

namespace nest::kvm {

// The vCPU's thread comes onto this CPU, or leaves it. Preemption off.
void load(Vcpu& vcpu);
void put(Vcpu& vcpu);

// Computes the trap controls anew and, if the vCPU is loaded, writes those that load() has written. The vCPU's thread.
void refresh_traps(Vcpu& vcpu);

}  // namespace nest::kvm
