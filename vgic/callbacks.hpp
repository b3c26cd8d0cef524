// SPDX-License-Identifier: GPL-2.0-only
// What the virtual GIC asks of the layers above.
#pragma once
#include <base/types.hpp>

namespace nest::vgic {

class Callbacks {
public:
    // Something changed for this vCPU: wake it if it blocks, make it leave the guest if it is in it, so that it flushes
    // again. Never called with a lock of the vGIC held; any context, including hard interrupts, and also for the
    // calling vCPU itself. The implementation needs a full barrier before it looks at the vCPU's mode; the vCPU a full
    // barrier between announcing "in guest" and flush(): flush() looks for work without a lock.
    virtual void kick(unsigned vcpu_index) = 0;

    // A level-sensitive SPI was deactivated: time for resampling irqfds. No lock held; interrupts may be off. By a vCPU's
    // thread, which has more to do for it before it enters the guest again.
    virtual void eoi(unsigned intid) = 0;

    // The level of a hardware-mapped PPI's input (for a timer: would it fire now?). Called with interrupts off and
    // locks of the vGIC held: must not call the vGIC.
    virtual bool irq_line_level(unsigned vcpu_index, unsigned intid) = 0;

    // Sets the active state of the physical interrupt behind a mapped PPI, on the physical CPU of the caller. From
    // sync() this is the vCPU's CPU; from an MMIO access it is only if the accessing vCPU owns the redistributor, which
    // is why timer code looks at hw_active() at each load. Same context as irq_line_level().
    virtual void set_physical_active(unsigned vcpu_index, unsigned host_intid, bool active) = 0;

    // Makes all vCPUs but the caller's leave the guest, waits until each has run its sync(), and keeps them out until
    // resume_all(). It must not wait for vCPUs that are themselves about to call it (they are out, which is enough).
    // Sleepable context; calls are serialised by the vGIC.
    virtual void halt_all() = 0;
    virtual void resume_all() = 0;

protected:
    ~Callbacks() = default;
};

}  // namespace nest::vgic
