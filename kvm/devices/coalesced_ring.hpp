// SPDX-License-Identifier: GPL-2.0-only
// The page in which coalesced MMIO writes wait for the VMM, which maps the page behind its vCPUs' struct kvm_run.
#pragma once
#include <arch/address.hpp>
#include <base/lock.hpp>
#include <base/result.hpp>
#include <kvm/abi/coalesced.hpp>

namespace nest::kvm {

class CoalescedRing {
public:
    CoalescedRing() = default;
    CoalescedRing(const CoalescedRing&) = delete;
    CoalescedRing& operator=(const CoalescedRing&) = delete;
    ~CoalescedRing();

    // ENOMEM. Sleeps.
    Status init();
    // What the glue maps at KVM_COALESCED_MMIO_PAGE_OFFSET.
    void* page() const { return ring_; }

    // False when the ring is full, or the VMM broke it: the write then exits to user space. Any vCPU thread.
    bool push(arch::Ipa ipa, unsigned bytes, u64 value, bool pio);

private:
    abi::CoalescedMmioRing* ring_ = nullptr;  // shared with user space
    u32 entries_ = 0;                         // as many as the VMM reckons that fit into its page
    SpinLock lock_{NEST_LOCK_COALESCED_RING};  // one writer at a time
};

}  // namespace nest::kvm
