// SPDX-License-Identifier: GPL-2.0-only
#include "memory_requests.hpp"

#include <sys/mman.h>

#include <cstring>

namespace nest::guests {
namespace {

constexpr size_t kPageSize = 0x1000;

}  // namespace

bool MemoryRequests::take(u64 address, u64 value) {
    switch (address - kReport) {
    case report::kReplacePage:
        replace(page(value));
        return true;
    case report::kDiscardPage:
        discard(page(value));
        return true;
    case report::kRenewSlot:
        renew_slot();
        return true;
    default:
        return false;
    }
}

void* MemoryRequests::page(u64 address) const {
    if (address % kPageSize || address < kRam || address >= kRam + kRamSize)
        throw std::out_of_range("no page of the guest's memory");
    return machine_.ram().data() + (address - kRam);
}

// One step, like migration of the page: no moment without memory. Writes after the copy may be lost.
void MemoryRequests::replace(void* page) const {
    void* fresh = mmap(nullptr, kPageSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (fresh == MAP_FAILED)
        throw SystemError("a fresh page");
    std::memcpy(fresh, page, kPageSize);
    if (mremap(fresh, kPageSize, kPageSize, MREMAP_MAYMOVE | MREMAP_FIXED, page) == MAP_FAILED)
        throw SystemError("replacing a page");
}

// As a balloon does: zeros from now on.
void MemoryRequests::discard(void* page) const {
    if (madvise(page, kPageSize, MADV_DONTNEED))
        throw SystemError("discarding a page");
    machine_.touched(static_cast<char*>(page) - machine_.ram().data());
}

// Deleted, then added with other memory; the first time only added.
void MemoryRequests::renew_slot() {
    constexpr unsigned kNumber = 1;
    Mapping fresh(kPageSize, MAP_PRIVATE | MAP_ANONYMOUS, -1, "memory of a slot");
    if (slot_)
        std::memcpy(fresh.bytes().data(), slot_->bytes().data(), kPageSize);
    machine_.set_slot(kNumber, kExtraSlot, fresh.bytes());
    slot_.emplace(std::move(fresh));
}

}  // namespace nest::guests
