// SPDX-License-Identifier: GPL-2.0-only
// What a TLB invalidation of L1 that concerns its guests means for the shadows: [DDI0487] D8.16.5.
#pragma once
#include <arch/cpu.hpp>
#include <nested/vel2/system_instruction.hpp>
#include <nested/walk/walk_features.hpp>

namespace nest::nested {

// Inner, outer and non-shareable forms and those with nXS are one: each is executed as the inner shareable one, which
// does more. The last-level forms of stage 2 drop tables that became empty, too.
struct ShadowTlbi {
    enum class What : u8 {
        kEverything,  // both stages, all VMIDs
        kVmid,        // both stages
        kStage1,      // the instruction `op` with `operand`, under the VMID
        kIpa,         // one leaf of stage 2
        kIpaRange,    // the leaves of stage 2 that touch [start, start + bytes)
    };
    What what = What::kEverything;
    u16 vmid = 0;  // not for kEverything
    arch::Tlbi op = arch::Tlbi::VMALLE1IS;  // kStage1: VMALLE1IS or one of VAE1IS … RVAALE1IS
    u64 operand = 0;
    u64 start = 0;
    u64 bytes = 0;
    u8 leaf_shift = 0;  // kIpa, kIpaRange: log2 of the leaf that L1 promises; 0: it promises none
};

// `op`: of regime kEl10. `operand`: the instruction's Xt, which the hardware's TLBI of stage 1 gets as it is. `vmid`: of
// L1's VTTBR_EL2 (vmid_of()). `lpa2`: L1's VTCR_EL2.DS.
ShadowTlbi shadow_tlbi(const TlbiOp& op, u64 operand, u16 vmid, bool lpa2, const MmuFeatures& vm);

// log2 of a leaf of this granule (log2, or 0) and level; 0 where there can be no such leaf.
unsigned leaf_shift_of(unsigned granule, int level, bool lpa2);

}  // namespace nest::nested
