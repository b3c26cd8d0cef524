// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/cpu/cpu.hpp>

namespace nest::kvm {

constinit Cpu the_cpu;  // without state

}  // namespace nest::kvm
