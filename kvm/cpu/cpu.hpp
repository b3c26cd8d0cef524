// SPDX-License-Identifier: GPL-2.0-only
// The handlers of kvm/ run on one CPU, whose name they need not repeat.
#pragma once
#include <arch/cpu.hpp>

namespace nest::kvm {

using arch::cpu;
using arch::Cpu;

}  // namespace nest::kvm
