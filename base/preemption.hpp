// SPDX-License-Identifier: GPL-2.0-only
// A scope in which the thread stays on its CPU.
#pragma once
#include <port/port.h>

namespace nest::kvm {

class [[nodiscard]] PreemptionOff {
public:
    PreemptionOff() { nest_port_preempt_disable(); }
    ~PreemptionOff() { nest_port_preempt_enable(); }
    PreemptionOff(const PreemptionOff&) = delete;
    PreemptionOff& operator=(const PreemptionOff&) = delete;
};

}  // namespace nest::kvm
