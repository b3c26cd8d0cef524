// SPDX-License-Identifier: GPL-2.0-only
// Coalesced MMIO in the KVM ABI: zones, and the ring that the VMM maps behind struct kvm_run.
#pragma once
#include <arch/address.hpp>
#include <kvm/abi/numbers.hpp>

namespace nest::kvm::abi {

struct CoalescedMmioZone {
    u64 addr;
    u32 size;
    u32 pio;  // 0 or 1
};

struct CoalescedMmio {
    u64 phys_addr;
    u32 len;
    u32 pio;
    u8 data[8];
};

struct CoalescedMmioRing {
    u32 first;  // the VMM's: next entry to take
    u32 last;   // ours: next entry to fill
};

// Entries in a ring of one page; one of them always stays free.
constexpr u32 coalesced_mmio_max(size_t page_bytes) {
    return static_cast<u32>((page_bytes - sizeof(CoalescedMmioRing)) / sizeof(CoalescedMmio));
}

}  // namespace nest::kvm::abi
