// SPDX-License-Identifier: GPL-2.0-only
// One memory slot: a run of guest frames backed by a run of the VMM's address space.
#pragma once
#include <arch/address.hpp>
#include <kvm/abi/memory.hpp>
#include <kvm/memory/dirty_bitmap.hpp>
#include <kvm/memory/dirty_ring.hpp>
#include <port/port.h>

namespace nest::kvm {

// Where a write of one page is logged; nowhere without a dirty log. Valid as long as the slot's log exists.
struct DirtyPage {
    DirtyBit bit;
    u32 slot = 0;
    u64 offset = 0;     // in pages of the host
    bool logged = false;

    // Atomic context. `ring`: that of the vCPU whose thread this is, null in any other; with a ring the bitmap is for others. A full
    // ring, which a vCPU's run loop does not let happen, leaves the page to the bitmap.
    void mark(DirtyRing* ring) const {
        if (!logged)
            return;
        if (!ring || !*ring || !ring->push(slot, offset))
            bit.set();
    }
};

struct Memslot {
    u32 id = 0;
    u32 flags = 0;  // KVM_MEM_*
    u64 base_gfn = 0;
    u64 pages = 0;  // frames of 4 KiB; base, size and hva are multiples of the host's page
    arch::Hva hva;
    DirtyBitmap dirty;  // there when flags has KVM_MEM_LOG_DIRTY_PAGES, unless the VM has dirty rings alone

    u64 end_gfn() const { return base_gfn + pages; }
    arch::Hva end_hva() const { return hva + (pages << arch::kPageShift); }
    bool contains(u64 gfn) const { return gfn - base_gfn < pages; }
    bool writable() const { return !(flags & abi::KVM_MEM_READONLY); }
    bool logs_dirty() const { return flags & abi::KVM_MEM_LOG_DIRTY_PAGES; }
    arch::Hva hva_of(u64 gfn) const { return hva + ((gfn - base_gfn) << arch::kPageShift); }

    // Notes that the guest, or someone on its behalf, may have written this frame; nothing without a dirty log. Atomic.
    // A stage-2 fault marks after the writable leaf is in the table. The other way round: vCPU A marks, the VMM's ioctl takes
    // the bit and write-protects, then A maps the page writable, and the guest's write is in no log.
    void mark_dirty(u64 gfn, DirtyRing* ring) const { dirty_page(gfn).mark(ring); }
    DirtyPage dirty_page(u64 gfn) const {
        if (!logs_dirty())
            return {};
        return {dirty ? dirty.at(gfn - base_gfn) : DirtyBit{}, id, (gfn - base_gfn) >> (nest_port_page_shift() - arch::kPageShift), true};
    }
};

}  // namespace nest::kvm
