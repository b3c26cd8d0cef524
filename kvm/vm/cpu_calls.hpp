// SPDX-License-Identifier: GPL-2.0-only
// What may be done on every CPU through nest_port_call_all_cpus().
#pragma once
#include <port/port.h>

namespace nest::kvm {

enum class CpuCall : unsigned {
    kNothing,     // the interrupt itself is the point: whoever took it is out of tier 0
};

inline void call_all_cpus(CpuCall op, void* argument = nullptr) {
    nest_port_call_all_cpus(static_cast<unsigned>(op), argument);
}

}  // namespace nest::kvm
