// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/devices/coalesced_ring.hpp>
#include <base/atomic.hpp>
#include <port/port.h>

namespace nest::kvm {

CoalescedRing::~CoalescedRing() {
    if (ring_)
        nest_port_user_page_free(ring_);
}

Status CoalescedRing::init() {
    ring_ = static_cast<abi::CoalescedMmioRing*>(nest_port_user_page_alloc());
    entries_ = abi::coalesced_mmio_max(size_t{1} << nest_port_page_shift());
    return ring_ ? kOk : Status(Errno::kNoMem);
}

bool CoalescedRing::push(arch::Ipa ipa, unsigned bytes, u64 value, bool pio) {
    auto* entries = reinterpret_cast<abi::CoalescedMmio*>(ring_ + 1);
    Guard guard(lock_);
    // User space may change both indices at any time: each is read once, and `last` is checked.
    u32 last = AtomicRef(ring_->last).load_relaxed();
    if (last >= entries_)
        return false;
    u32 next = last + 1 == entries_ ? 0 : last + 1;
    if (next == AtomicRef(ring_->first).load_acquire())
        return false;
    abi::CoalescedMmio& entry = entries[last];
    entry.phys_addr = ipa.raw;
    entry.len = bytes;
    entry.pio = pio;
    for (unsigned i = 0; i < bytes; i++)
        entry.data[i] = static_cast<u8>(value >> (8 * i));
    AtomicRef(ring_->last).store_release(next);  // the entry before the index that publishes it
    return true;
}

}  // namespace nest::kvm
