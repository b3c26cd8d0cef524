// SPDX-License-Identifier: GPL-2.0-only
// irqfds: eventfds whose signal is an interrupt of the guest.
//
// A signal arrives through irqfd_wakeup() in atomic context, with the eventfd's own lock held. Locks, outermost first:
// mutex_ (the list; sleeps) - resample_lock_ - an eventfd's wait queue - the routing's spinlock. The vGIC's locks come
// after all of them, so the vGIC calls notify_ack() without holding any of its own.
#pragma once
#include <arch/lock.hpp>
#include <arch/result.hpp>
#include <kvm/irq_routing.hpp>

namespace nest::kvm {

// The vGIC, as irqfds see it. All of it may be called in atomic context.
class IrqSink {
public:
    // May interrupts be injected yet? (The vGIC is initialised.)
    virtual bool ready() = 0;
    // Drives the line of an SPI. An INTID that the vGIC does not have is ignored.
    virtual void inject_spi(u32 intid, bool level) = 0;
    // An MSI; without an ITS that knows its device, it is lost.
    virtual void inject_msi(const abi::Msi& msi) = 0;

protected:
    ~IrqSink() = default;
};

class Irqfd;

class Irqfds {
public:
    Irqfds(IrqRouting& routing, IrqSink& sink) : routing_(routing), sink_(sink) {}
    Irqfds(const Irqfds&) = delete;
    Irqfds& operator=(const Irqfds&) = delete;
    ~Irqfds() { release_all(); }

    // KVM_IRQFD. EINVAL flags or not an eventfd; EBADF no file; EAGAIN no vGIC yet; EBUSY the eventfd is an irqfd already, of
    // any VM; ENOMEM. Deassigning what was not assigned is no error. VMM context, sleeps.
    Status irqfd(const abi::Irqfd& args);
    // Ends all; afterwards no signal reaches the sink, and no shutdown is under way. The VM's last user is gone. Not from
    // within irqfd_shutdown(). Sleeps.
    void release_all();

    // The guest ended a level-sensitive SPI: lowers the line, then tells the VMM to raise it again if its device still
    // wants it. True when someone resamples this SPI. Atomic, without the vGIC's locks.
    bool notify_ack(u32 intid);

private:
    friend class Irqfd;

    Status assign(const abi::Irqfd& args);
    Status deassign(const abi::Irqfd& args);
    void start_resampling(Irqfd& irqfd);
    void stop_resampling(Irqfd& irqfd);
    bool resampled(u32 gsi) const;  // resample_lock_
    void drive(u32 gsi, bool level);
    void tear_down(Irqfd* irqfd);
    void shut_down(Irqfd* irqfd);

    IrqRouting& routing_;
    IrqSink& sink_;
    Mutex mutex_{NEST_LOCK_IRQFDS};
    Irqfd* list_ = nullptr;        // mutex_
    SpinLock resample_lock_{NEST_LOCK_IRQFD_RESAMPLE};
    Irqfd* resamplers_ = nullptr;  // resample_lock_
};

// What linux/entry.h's nest_irqfd_wakeup (atomic) and nest_irqfd_shutdown (a work queue) do; `owner` is what was given
// to nest_port_irqfd_bind(). The latter unbinds: nest_port_irqfd_unbind() must allow that in its own callback, and
// otherwise wait for a callback that runs.
void irqfd_wakeup(void* owner);
void irqfd_shutdown(void* owner);

}  // namespace nest::kvm
