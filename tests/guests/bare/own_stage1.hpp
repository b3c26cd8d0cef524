// SPDX-License-Identifier: GPL-2.0-only
// L1's own stage 1 (EL2&0, with E2H): 4 KiB granule, 39 bits, start at level 1. It is off where a case begins.
//
//   VA                        what is there
//   first GiB                 itself: devices
//   second GiB                itself: memory, and kNothing
//   kOwnWindow, 512 pages     page entries, empty until a case fills them
//   kOwnBlock, 2 MiB          a block entry, empty as well
//   kHighHalf + VA            all of it once more, by TTBR1_EL2
#pragma once

#include "stage2.hpp"

namespace nest::guests {

inline constexpr u64 kOwnWindow = u64{2} << 30, kOwnBlock = kOwnWindow + (2 << 20), kHighHalf = ~u64{0} << 39;

// A page or block of memory for EL2 alone. Not cacheable: it is the same memory with and without the MMU.
inline constexpr u64 kOwn = kAccessed | 3 << 8 | bit(53) | kExecuteNever;
inline constexpr u64 kNotGlobal = bit(11);

struct OwnStage1 {
    u64 level1[512], level2[512], level3[512];
    // One store each, done before anything that follows. The second is for a block or a table.
    void set(u64 va, u64 entry) { store(level3[va >> 12 & 511], entry); }
    void set_level2(u64 va, u64 entry) { store(level2[va >> 21 & 511], entry); }
    u64 ttbr(u64 asid) const { return asid << 48 | reinterpret_cast<u64>(level1); }

private:
    static void store(u64& where, u64 entry) {
        memory64(reinterpret_cast<u64>(&where)) = entry;
        dsb();
    }
};
extern OwnStage1 own_stage1, other_own_stage1;

void build(OwnStage1& tables);      // all but the window and the block

// On, on this vCPU, with nothing of EL2&0 in its TLBs.
void use_own_stage1(const OwnStage1& tables, u64 asid);
// Without a TLBI: the MMU, and the lower half's tables and the ASID.
void switch_mmu(bool on);
void switch_own_stage1(const OwnStage1& tables, u64 asid);

}  // namespace nest::guests
