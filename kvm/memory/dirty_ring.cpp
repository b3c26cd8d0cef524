// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/memory/dirty_ring.hpp>
#include <port/port.h>

namespace nest::kvm {

DirtyRing::~DirtyRing() {
    for (void* page : pages_)
        if (page)
            nest_port_user_page_free(page);
}

Status DirtyRing::init(u32 entries, Atomic<u64>& requests, u64 request) {
    requests_ = &requests;
    request_ = request;
    entries_per_page_ = static_cast<u32>((size_t{1} << nest_port_page_shift()) / sizeof(abi::DirtyGfn));
    pages_ = Buffer<void*>(entries / entries_per_page_);
    if (!pages_)
        return Errno::kNoMem;
    for (void*& page : pages_)
        if (!(page = nest_port_user_page_alloc()))
            return Errno::kNoMem;
    entries_ = entries;
    return kOk;
}

bool DirtyRing::push(u32 slot, u64 offset) {
    // Pairs with the barrier in Memslots::reset_ring(): we have written the page and look whether its entry stands; the VMM's thread
    // takes the entry back, and the VMM reads the page. Either we see that, or the VMM reads what we have written.
    memory_barrier();
    const u32 standing = pushed_ - taken_back_.load_acquire();
    if (standing && slot == newest_slot_ && offset == newest_offset_)
        return true;
    if (standing >= entries_)
        return false;
    newest_slot_ = slot;
    newest_offset_ = offset;
    abi::DirtyGfn& entry = at(pushed_++);
    AtomicRef(entry.slot).store_relaxed(slot);
    AtomicRef(entry.offset).store_relaxed(offset);
    AtomicRef(entry.flags).store_release(abi::KVM_DIRTY_GFN_F_DIRTY);
    if (is_nearly_full())
        (void)requests_->fetch_or_acq_rel(request_);
    return true;
}

}  // namespace nest::kvm
