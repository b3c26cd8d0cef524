// SPDX-License-Identifier: GPL-2.0-only
// What the shadow MMU of a VM has done so far. Under the mmu lock.
#pragma once
#include <base/types.hpp>

namespace nest::nested {

// Who made shadow leaves go.
enum class Cause : u8 { kTlbi, kNotifier, kMemslot, kDirtyLog, kRemap, kCount };

struct MmuStats {
    u64 hits = 0;        // a shadow was there when a vCPU changed to it
    u64 misses = 0;
    u64 evictions = 0;
    u64 mapped = 0;      // faults that ended in a leaf
    u64 forwarded = 0;   // faults that were L1's
    u64 faulted_in = 0;  // faults that the canonical stage 2 had to answer first
    u64 invalidations[static_cast<unsigned>(Cause::kCount)] = {};  // leaves or ranges dropped, by cause
    u64 untracked = 0;   // leaves that the reverse map had no room for
    u64 overflows = 0;   // shadows dropped whole because of that

    u64& operator[](Cause c) { return invalidations[static_cast<unsigned>(c)]; }
};

}  // namespace nest::nested
