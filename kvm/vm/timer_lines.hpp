// SPDX-License-Identifier: GPL-2.0-only
// The wires from a vCPU's timers to its vGIC and to the machine's GIC.
#pragma once
#include <timer/irq_lines.hpp>

namespace nest::kvm {

class Vcpu;

class TimerLines final : public timer::IrqLines {
public:
    explicit TimerLines(Vcpu& vcpu) : vcpu_(vcpu) {}
    void set_level(timer::TimerId id, bool level) override;
    bool vgic_active_or_pending(timer::TimerId id) override;
    void change_hands(timer::Slot slot, timer::TimerId leaves, timer::TimerId comes) override;
    void set_physical_active(timer::Slot slot, bool active) override;

    // Is no timer's interrupt pending, active, or its line high in the vGIC? The vGIC synced; preemption off.
    bool quiet();

    // At the first run: the vGIC learns which PPIs are the timers' and which machine interrupts stand behind them.
    void connect();

private:
    Vcpu& vcpu_;
};

}  // namespace nest::kvm
