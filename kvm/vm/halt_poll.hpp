// SPDX-License-Identifier: GPL-2.0-only
// Halt polling: before the thread of a vCPU whose guest waits goes to sleep, the vCPU looks for an interrupt by itself for a
// while, its state still in the registers. An interrupt that comes within that while costs neither a change of threads nor an
// IPI. How long the while is, its window, follows from how long the guest's last waits took
// (Documentation/virt/kvm/halt-polling.rst in Linux).
#pragma once
#include <base/atomic.hpp>
#include <base/result.hpp>
#include <port/port.h>

namespace nest::kvm {

// The longest window that a VM's vCPUs may have, in nanoseconds: the module's parameter, until the VMM says otherwise.
class HaltPollLimit {
public:
    // KVM_CAP_HALT_POLL; 0: no polling. EINVAL: more than 32 bits. Any thread; a vCPU takes it up when it waits next.
    Status set(u64 ns) {
        if (ns >> 32)
            return Errno::kInval;
        ns_.store_relaxed(ns);
        return kOk;
    }
    u64 get(const nest_halt_polling& parameters) const {
        const u64 own = ns_.load_relaxed();
        return own == kModules ? parameters.ns : own;
    }

private:
    static constexpr u64 kModules = ~u64{0};
    Atomic<u64> ns_{kModules};
};

// The window of one vCPU. Only for its own thread.
class HaltPollWindow {
public:
    // What to poll for now; 0: not at all.
    u64 ns(u64 limit) const { return ns_ < limit ? ns_ : limit; }
    // A wait is over that took so long, polling included. Where a longer window, up to the limit, would have covered it, the
    // window grows; where none could, polling was in vain, and the window shrinks.
    void adapt(u64 waited_ns, u64 limit, const nest_halt_polling& parameters);

private:
    u64 ns_ = 0;
};

}  // namespace nest::kvm
