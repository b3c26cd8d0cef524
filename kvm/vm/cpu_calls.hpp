// SPDX-License-Identifier: GPL-2.0-only
// The operations of nest_port_call_all_cpus(). Context: see there.
#pragma once
#include <port/port.h>

namespace nest::kvm {

enum class CpuCall : unsigned {
    kNothing,     // the interrupt itself is the point: a CPU that has taken it is out of tier 0 and the guest
};

inline void call_all_cpus(CpuCall op, void* argument = nullptr) {
    nest_port_call_all_cpus(static_cast<unsigned>(op), argument);
}

}  // namespace nest::kvm
