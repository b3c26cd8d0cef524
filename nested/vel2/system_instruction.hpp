// SPDX-License-Identifier: GPL-2.0-only
// TLBI and AT instructions, decoded for whoever emulates them: [DDI0487] C5.4 (AT), C5.5 (TLBI), D8.16.
#pragma once
#include <arch/sysreg.hpp>
#include <nested/vel2/features.hpp>

namespace nest::nested {

// Whose translations: E2H and TGE decide what virtual EL2's E1 instructions mean.
enum class Regime : u8 {
    kEl10,  // EL1&0 below virtual EL2, of the VMID in L1's VTTBR_EL2 (kAllVmids: of every VMID)
    kEl20,  // virtual EL2's own with E2H: what the E1 instructions mean under TGE, and the E2 ones always
    kEl2,   // virtual EL2's own without E2H
};
enum class TlbiScope : u8 {
    kAllVmids,  // ALLE1: both stages, all VMIDs
    kVmid,      // VMALLS12E1: both stages of one VMID
    kStage1,    // VMALLE1, ALLE2: all of stage 1 (one VMID's, for kEl10)
    kAsid,      // ASIDE1
    kVa,        // VAE1, VALE1, VAE2 …: of one ASID, and global ones
    kVaAllAsids,
    kIpa,       // IPAS2E1: stage 2 of one VMID
};
enum class Shareability : u8 { kNone, kInner, kOuter };

struct TlbiOp {
    TlbiScope scope;
    Regime regime;
    Shareability shareability;
    bool last_level;  // only the leaf entries
    bool range;
    bool nxs;         // may leave out what waits for XS memory; an implementation may do more
    u16 asid;         // kAsid, kVa
    u8 granule_bits;  // 12, 14, 16; 0 not said
    u8 level;         // 1 to 3: of the leaf; 0 not said
    u64 start;        // kVa (bits 55 and up extended), kIpa: bytes, aligned to the granule; of a range, see wide_start()
    u64 size;         // bytes; 0: the one translation that holds `start`, of whatever size
    constexpr bool operator==(const TlbiOp&) const = default;
};

// The first byte of a range where the regime has FEAT_LPA2 switched on (TCR_ELx.DS, VTCR_EL2.DS): BaseADDR is in units of 64 KiB
// then, whatever the granule ([DDI0487] C5.5.63), and `start` is made without asking.
constexpr u64 wide_start(const TlbiOp& op) { return op.start >> op.granule_bits << 16; }

// Is the encoding in the TLBI space, (1, 0 or 4, 8 or 9, x, x)?
constexpr bool is_tlbi(arch::Encoding e) {
    return e.op0() == 1 && (e.op1() == 0 || e.op1() == 4) && (e.crn() == 8 || e.crn() == 9);
}
constexpr bool is_at(arch::Encoding e) {
    return e.op0() == 1 && (e.op1() == 0 || e.op1() == 4) && e.crn() == 7 && (e.crm() == 8 || e.crm() == 9);
}

// False: UNDEFINED, as the encoding is unallocated or belongs to a feature that the VM does not have. `operand` is Xt. A
// reserved granule in it, which leaves the addresses unknown, makes the scope wider. `e2h`, `tge`: L1's.
bool decode_tlbi(arch::Encoding e, u64 operand, const Features& features, bool e2h, bool tge, TlbiOp& op);

struct AtOp {
    Regime regime;
    bool stage2;  // S12: both stages
    bool el0;     // as EL0 would
    bool write;
    bool pan;     // S1E1RP, S1E1WP: with PSTATE.PAN
    bool any;     // S1E1A: without a permission check
    u64 va;
    constexpr bool operator==(const AtOp&) const = default;
};
// False: UNDEFINED, as for decode_tlbi().
bool decode_at(arch::Encoding e, u64 operand, const Features& features, bool e2h, bool tge, AtOp& op);

}  // namespace nest::nested
