// SPDX-License-Identifier: GPL-2.0-only
// What a timer needs of the interrupt controllers, the guest's and the machine's. kvm/ implements it per vCPU.
#pragma once
#include <timer/context.hpp>

namespace nest::timer {

class IrqLines {
public:
    // The timer's output towards the guest's interrupt controller. Any context, including a hard interrupt on another
    // CPU; takes the vGIC's locks, and wakes or kicks the vCPU when the interrupt becomes deliverable by it. Not called
    // without an in-kernel interrupt controller.
    virtual void set_level(TimerId id, bool level) = 0;
    // Does the guest still owe a deactivation, or the vGIC an injection, of this timer's interrupt? Preemption off.
    virtual bool vgic_active_or_pending(TimerId id) = 0;
    // `leaves` gives up the host's PPI of `slot`, and `comes` takes it over: when a guest deactivates the interrupt of `comes`,
    // the host's PPI is deactivated, too. Preemption off.
    virtual void change_hands(Slot slot, TimerId leaves, TimerId comes) = 0;
    // The active state of the host's PPI on this CPU: an active PPI stays quiet, an inactive one fires. Preemption off; MMIO.
    virtual void set_physical_active(Slot slot, bool active) = 0;

protected:
    ~IrqLines() = default;
};

}  // namespace nest::timer
