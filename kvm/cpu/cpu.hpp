// SPDX-License-Identifier: GPL-2.0-only
// arch::cpu() and its type, for the handlers of kvm/.
#pragma once
#include <arch/cpu.hpp>

namespace nest::kvm {

using arch::cpu;
using arch::Cpu;

}  // namespace nest::kvm
