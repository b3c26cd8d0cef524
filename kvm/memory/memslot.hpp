// SPDX-License-Identifier: GPL-2.0-only
// One memory slot: a run of guest frames backed by a run of the VMM's address space.
#pragma once
#include <arch/address.hpp>
#include <kvm/abi/memory.hpp>
#include <kvm/memory/dirty_bitmap.hpp>

namespace nest::kvm {

struct Memslot {
    u32 id = 0;
    u32 flags = 0;  // KVM_MEM_*
    u64 base_gfn = 0;
    u64 pages = 0;  // frames of 4 KiB; base, size and hva are multiples of the host's page
    arch::Hva hva;
    DirtyBitmap dirty;  // there exactly when flags has KVM_MEM_LOG_DIRTY_PAGES

    u64 end_gfn() const { return base_gfn + pages; }
    arch::Hva end_hva() const { return hva + (pages << arch::kPageShift); }
    bool contains(u64 gfn) const { return gfn - base_gfn < pages; }
    bool writable() const { return !(flags & abi::KVM_MEM_READONLY); }
    bool logs_dirty() const { return flags & abi::KVM_MEM_LOG_DIRTY_PAGES; }
    arch::Hva hva_of(u64 gfn) const { return hva + ((gfn - base_gfn) << arch::kPageShift); }

    // Notes that the guest, or someone on its behalf, may have written this frame; nothing without a dirty log. Atomic.
    // A stage-2 fault marks after the writable leaf is in the table. The other way round: vCPU A marks, the VMM's ioctl takes
    // the bit and write-protects, then A maps the page writable, and the guest's write is in no log.
    void mark_dirty(u64 gfn) const { dirty_bit(gfn).set(); }
    DirtyBit dirty_bit(u64 gfn) const { return dirty ? dirty.at(gfn - base_gfn) : DirtyBit{}; }
};

}  // namespace nest::kvm
