// SPDX-License-Identifier: GPL-2.0-only
// irqfds: eventfds whose signal is an interrupt of the guest.
//
// A signal arrives through irqfd_wakeup() in atomic context, with the eventfd's own lock held. Locks, outermost first:
// mutex_ (the list; sleeps) - resample_lock_ - an eventfd's wait queue - the routing's spinlock. The vGIC's locks come
// after all of them, so the vGIC calls notify_ack() without holding any of its own. A resampling eventfd is signalled by
// deliver_acks() only: its wait queue's lock sleeps on PREEMPT_RT, and an interrupt mostly ends where interrupts are off.
#pragma once
#include <base/atomic.hpp>
#include <base/lock.hpp>
#include <base/result.hpp>
#include <kvm/devices/irq_routing.hpp>

namespace nest::kvm {

// The vGIC, as irqfds see it. All functions may be called in atomic context.
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

// A set of GSIs that can be routed. Each function is atomic; any context.
class GsiSet {
public:
    void add(u32 gsi) {
        if (gsi < IrqRouting::kMaxRoutes)
            words_[gsi / 64].fetch_or_acq_rel(u64{1} << gsi % 64);
    }
    void remove(u32 gsi) {
        if (gsi < IrqRouting::kMaxRoutes)
            words_[gsi / 64].fetch_and_acq_rel(~(u64{1} << gsi % 64));
    }
    bool has(u32 gsi) const {
        return gsi < IrqRouting::kMaxRoutes && words_[gsi / 64].load_acquire() >> gsi % 64 & 1;
    }
    // Calls fn(gsi) for each, and leaves none.
    template <typename Fn>
    void take_each(Fn fn) {
        for (u32 i = 0; i < kWords; i++)
            for (u64 word = words_[i].load_relaxed() ? words_[i].exchange_acq_rel(0) : 0; word; word &= word - 1)
                fn(i * 64 + static_cast<u32>(__builtin_ctzll(word)));
    }

private:
    static constexpr u32 kWords = IrqRouting::kMaxRoutes / 64;
    Atomic<u64> words_[kWords];
};

class Irqfds {
public:
    Irqfds(IrqRouting& routing, IrqSink& sink) : routing_(routing), sink_(sink) {}
    Irqfds(const Irqfds&) = delete;
    Irqfds& operator=(const Irqfds&) = delete;
    ~Irqfds() { release_all(); }

    // KVM_IRQFD. EINVAL flags or not an eventfd; EBADF no file; EAGAIN no vGIC yet; EBUSY the eventfd is an irqfd already, of
    // any VM; ENOMEM. Deassigning what was not assigned is no error. VMM context, sleeps.
    Status irqfd(const abi::Irqfd& args);
    // Ends all irqfds; afterwards no signal reaches the sink, and no shutdown is under way. The VM's last user is gone. Not to
    // be called from within irqfd_shutdown(). Sleeps.
    void release_all();

    // The guest ended a level-sensitive SPI: lowers the line, and notes that the VMM is to be told. True: an irqfd resamples
    // this SPI. Atomic; no lock of the vGIC held.
    bool notify_ack(u32 intid);
    // Tells the VMM of what notify_ack() has noted, for it to raise the line again if its device still wants it. A vCPU's
    // thread calls this before it enters the guest or returns from KVM_RUN, with interrupts and preemption on.
    void deliver_acks() {
        if (ack_noted_.load_relaxed()) [[unlikely]]
            signal_noted();
    }

private:
    friend class Irqfd;

    Status assign(const abi::Irqfd& args);
    Status deassign(const abi::Irqfd& args);
    void start_resampling(Irqfd& irqfd);
    void stop_resampling(Irqfd& irqfd);
    bool resampled(u32 gsi) const;  // resample_lock_
    void signal_noted();
    void signal_all(u32 gsi);
    void drive(u32 gsi, bool level);
    void tear_down(Irqfd* irqfd);
    void shut_down(Irqfd* irqfd);

    IrqRouting& routing_;
    IrqSink& sink_;
    Mutex mutex_{NEST_LOCK_IRQFDS};
    Irqfd* list_ = nullptr;        // mutex_
    SpinLock resample_lock_{NEST_LOCK_IRQFD_RESAMPLE};
    Irqfd* resamplers_ = nullptr;  // resample_lock_
    GsiSet resampled_gsis_;        // those of resamplers_, for notify_ack()
    GsiSet noted_gsis_;
    Atomic<bool> ack_noted_;       // set after a bit of noted_gsis_, cleared before a look at them
};

// What port/entry.h's nest_irqfd_wakeup (atomic) and nest_irqfd_shutdown (a work queue) do; `owner` is what was given
// to nest_port_irqfd_bind(). irqfd_shutdown() unbinds the irqfd whose callback it is: nest_port_irqfd_unbind() must allow
// that, and wait for a running callback in all other cases.
void irqfd_wakeup(void* owner);
void irqfd_shutdown(void* owner);

}  // namespace nest::kvm
