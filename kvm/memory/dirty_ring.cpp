// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/memory/dirty_ring.hpp>
#include <port/port.h>

namespace nest::kvm {

DirtyRing::~DirtyRing() {
    for (void* page : pages_)
        if (page)
            nest_port_user_page_free(page);
}

Status DirtyRing::init(u32 entries) {
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
    if (pushed_ - taken_back_.load_acquire() >= entries_)
        return false;
    abi::DirtyGfn& entry = at(pushed_++);
    AtomicRef(entry.slot).store_relaxed(slot);
    AtomicRef(entry.offset).store_relaxed(offset);
    AtomicRef(entry.flags).store_release(abi::KVM_DIRTY_GFN_F_DIRTY);
    return true;
}

}  // namespace nest::kvm
