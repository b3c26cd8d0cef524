// SPDX-License-Identifier: GPL-2.0-only
// What the virtual GIC asks of the layers above.
#pragma once
#include <base/result.hpp>
#include <base/types.hpp>

namespace nest::vgic {

class Callbacks {
public:
    // Something changed for this vCPU: wake its thread if that blocks, make the vCPU leave the guest if it is there, so that
    // it flushes again. Never called with a spinlock of the vGIC held; any context, including hard interrupts, and also for the
    // calling vCPU itself. flush() looks for work without a lock, so two full barriers are needed: in the implementation
    // before it looks whether the vCPU is in the guest, and in the vCPU between announcing "in guest" and flush(). Without
    // them: CPU A (vCPU) announces, and reads `work` as 0; CPU B sets `work`, and reads "not in guest" from before: no kick.
    virtual void kick(unsigned vcpu_index) = 0;

    // A level-sensitive SPI was deactivated: time for resampling irqfds. No lock of the vGIC held; interrupts may be off.
    // Called by a vCPU's thread, which signals the eventfds later, before it enters the guest again.
    virtual void eoi(unsigned intid) = 0;

    // The level of a hardware-mapped PPI's input (for a timer: would it fire now?). Called with interrupts off and
    // locks of the vGIC held: must not call the vGIC.
    virtual bool irq_line_level(unsigned vcpu_index, unsigned intid) = 0;

    // Sets the active state of the physical interrupt behind a mapped PPI, on the physical CPU of the caller. From sync() that
    // is the vCPU's CPU. From an MMIO access it may be another vCPU's CPU, if that vCPU writes to this one's redistributor;
    // this is why timer code looks at hw_active() at each load. Same context as irq_line_level().
    virtual void set_physical_active(unsigned vcpu_index, unsigned host_intid, bool active) = 0;

    // Makes all vCPUs but the caller's leave the guest, waits until each has run its sync(), and keeps them out until
    // resume_all(). It must not wait for vCPUs that are themselves about to call halt_all(): they are out of the guest, and
    // wait for the vGIC's config mutex, which the caller holds. Sleeps.
    virtual void halt_all() = 0;
    virtual void resume_all() = 0;

    // Guest memory, for an ITS and its tables; any alignment. EFAULT: no memory there (for a write also: read-only memory).
    // Sleeps, as long as the VMM takes to answer a fault; no spinlock held.
    virtual Status read_guest(u64 ipa, void* to, size_t bytes) = 0;
    virtual Status write_guest(u64 ipa, const void* from, size_t bytes) = 0;
    // False: the dirty log of the vCPU whose access is being emulated has little room, and work that writes should go on when the access
    // is executed again.
    virtual bool can_log_writes() { return true; }

protected:
    ~Callbacks() = default;
};

}  // namespace nest::vgic
