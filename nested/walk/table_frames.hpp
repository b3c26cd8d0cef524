// SPDX-License-Identifier: GPL-2.0-only
// TableFrames: where pages that hold L1's tables lie, so that a walk which comes by them again need not ask the canonical
// stage 2. A hypervisor's root and middle tables take part in nearly every fault of its guest.
//
// An entry copies the address in a canonical leaf, and is true until that frame is unmapped: who drops the shadow leaves of
// a frame also calls forget(). An entry does not say that the frame may be written.
//
// Locking: the VM's mmu lock.
#pragma once
#include <base/types.hpp>

namespace nest::nested {

class TableFrames {
public:
    // The linear-map address of a frame's first byte; nullptr: not known.
    u8* find(u64 gfn) const {
        const Entry& e = entries_[gfn % kEntries];
        return e.tag == tag_of(gfn) ? e.page : nullptr;
    }
    void enter(u64 gfn, u8* page) { entries_[gfn % kEntries] = {tag_of(gfn), page}; }
    // Frames [start, end) may lie elsewhere, or nowhere, from now on. Takes at most as many steps as there are entries.
    void forget(u64 start, u64 end) {
        if (end - start >= kEntries) {
            for (Entry& e : entries_)
                e = {};
            return;
        }
        for (u64 gfn = start; gfn < end; gfn++)
            if (find(gfn))
                entries_[gfn % kEntries] = {};
    }

private:
    static constexpr u64 kEntries = 64;  // direct-mapped; 1 KiB
    struct Entry {
        u64 tag = 0;
        u8* page = nullptr;
    };
    static constexpr u64 tag_of(u64 gfn) { return gfn + 1; }  // 0: empty

    Entry entries_[kEntries];
};

}  // namespace nest::nested
