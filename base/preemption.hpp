// SPDX-License-Identifier: GPL-2.0-only
// Scopes in which the thread stays on its CPU, and in which nothing interrupts it there.
#pragma once
#include <port/port.h>

namespace nest {

class [[nodiscard]] PreemptionOff {
public:
    PreemptionOff() { nest_port_preempt_disable(); }
    ~PreemptionOff() { nest_port_preempt_enable(); }
    PreemptionOff(const PreemptionOff&) = delete;
    PreemptionOff& operator=(const PreemptionOff&) = delete;
};

class [[nodiscard]] IrqsOff {
public:
    IrqsOff() : flags_(nest_port_irq_save()) {}
    ~IrqsOff() { nest_port_irq_restore(flags_); }
    IrqsOff(const IrqsOff&) = delete;
    IrqsOff& operator=(const IrqsOff&) = delete;

private:
    unsigned long flags_;
};

}  // namespace nest
