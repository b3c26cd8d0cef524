// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/cpu.hpp>

namespace nest::kvm {

Cpu& cpu() {
    static constinit Cpu the_cpu;  // without state
    return the_cpu;
}

}  // namespace nest::kvm
