// SPDX-License-Identifier: GPL-2.0-only
// The dirty ring of one vCPU (KVM_CAP_DIRTY_LOG_RING_ACQ_REL): the vCPU names the pages that it has written, the VMM collects them
// through its mapping behind struct kvm_run, and KVM_RESET_DIRTY_RINGS takes the collected entries back.
//
// An entry's flags say whose it is: 0 ours to fill, KVM_DIRTY_GFN_F_DIRTY the VMM's to collect, KVM_DIRTY_GFN_F_RESET collected. Each side
// publishes an entry by a release of the flags and looks at them by an acquire. The VMM may write anything there at any time.
#pragma once
#include <base/atomic.hpp>
#include <base/memory.hpp>
#include <base/result.hpp>
#include <kvm/abi/memory.hpp>

namespace nest::kvm {

class DirtyRing {
public:
    DirtyRing() = default;
    DirtyRing(const DirtyRing&) = delete;
    DirtyRing& operator=(const DirtyRing&) = delete;
    ~DirtyRing();

    // For so many entries, a power of two that fills whole pages of the host. A push() that leaves the ring nearly full sets `request` in
    // `requests`. ENOMEM. Sleeps.
    Status init(u32 entries, Atomic<u64>& requests, u64 request);
    explicit operator bool() const { return entries_ != 0; }
    // Its page `index` as the glue maps it behind KVM_DIRTY_LOG_PAGE_OFFSET; null: there is none.
    void* page(unsigned long index) const { return index < pages_.size() ? pages_[index] : nullptr; }

    // The vCPU's thread only; atomic context. `offset`: the page's number in its slot, in pages of the host. A page that the newest
    // entry names is not named again while that entry stands: the VMM reads it only after a reset. False: the ring is full.
    bool push(u32 slot, u64 offset);
    // The vCPU's thread. True: KVM_RUN must leave before the guest runs; what is left are entries for writes on the guest's behalf.
    bool is_nearly_full() const { return pushed_ - taken_back_.load_relaxed() >= entries_ - abi::KVM_DIRTY_RING_RESERVED; }

    u32 entries() const { return entries_; }
    // Takes back collected entries, oldest first, at most `most`; visit(slot, offset) for each, with whatever the VMM has left there. One
    // caller at a time. Returns how many.
    template <typename Visit>
    u32 take_back(u32 most, Visit visit) {
        u32 taken = 0;
        for (; taken < most; taken++) {
            abi::DirtyGfn& entry = at(taken_back_.load_relaxed());
            if (!(AtomicRef(entry.flags).load_acquire() & abi::KVM_DIRTY_GFN_F_RESET))
                break;
            const u32 slot = AtomicRef(entry.slot).load_relaxed();
            const u64 offset = AtomicRef(entry.offset).load_relaxed();
            AtomicRef(entry.flags).store_release(0);
            taken_back_.store_release(taken_back_.load_relaxed() + 1);
            visit(slot, offset);
        }
        return taken;
    }

private:
    abi::DirtyGfn& at(u32 count) const {
        const u32 index = count & (entries_ - 1);
        return static_cast<abi::DirtyGfn*>(pages_[index / entries_per_page_])[index % entries_per_page_];
    }

    Buffer<void*> pages_;
    u32 entries_ = 0, entries_per_page_ = 1;
    u32 pushed_ = 0;            // the vCPU's thread, as all up to newest_offset_
    u32 newest_slot_ = 0;
    u64 newest_offset_ = 0;
    Atomic<u64>* requests_ = nullptr;
    u64 request_ = 0;
    Atomic<u32> taken_back_;    // written by take_back(); both counts wrap
};

}  // namespace nest::kvm
