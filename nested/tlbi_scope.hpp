// SPDX-License-Identifier: GPL-2.0-only
// What a TLB invalidation of L1 that concerns its guests names: [DDI0487] D8.16.5, C5.5 (operands).
#pragma once
#include <arch/cpu.hpp>
#include <nested/walk_features.hpp>

namespace nest::nested {

// L1 executes it at virtual EL2 with HCR_EL2.TGE = 0 (for the S1E1 kinds). Inner, outer and non-shareable forms and those
// with nXS are one: each is executed as the inner shareable one, which does more.
struct TlbiScope {
    enum class What : u8 {
        kEverything,   // ALLE1*: both stages, all VMIDs
        kVmid,         // VMALLS12E1*: both stages
        kStage1,       // VMALLE1*, VAE1* …: the instruction `op` with `operand`, under the VMID
        kIpa,          // IPAS2E1*, IPAS2LE1*: one leaf
        kIpaRange,     // RIPAS2E1*, RIPAS2LE1*
    };
    What what = What::kEverything;
    u16 vmid = 0;  // of L1's VTTBR_EL2 (vmid_of()); not for kEverything
    arch::Tlbi op = arch::Tlbi::VMALLE1IS;  // kStage1: VMALLE1IS or one of VAE1IS … RVAALE1IS
    u64 operand = 0;
    u64 start = 0;      // kIpa, kIpaRange
    u64 bytes = 0;      // kIpaRange; never wraps
    u8 leaf_shift = 0;  // kIpa: log2 of the leaf that the TTL hint promises; 0: none

    static constexpr TlbiScope everything() { return {}; }
    static constexpr TlbiScope whole_vmid(u16 vmid) { return {What::kVmid, vmid, {}, 0, 0, 0, 0}; }
    static constexpr TlbiScope stage1(u16 vmid, arch::Tlbi op, u64 operand) { return {What::kStage1, vmid, op, operand, 0, 0, 0}; }
    // From the instructions' operands. `ttl_hints`: the VM has FEAT_TTL.
    static TlbiScope ipa(u16 vmid, u64 operand, bool ttl_hints);
    static TlbiScope ipa_range(u16 vmid, u64 operand);
};

// TTL of a TLBI operand: log2 of the leaf that it names; 0 when it says nothing, or something reserved.
unsigned leaf_shift_of_ttl(unsigned ttl);

// Of a range operand (IPA or VA alike): first byte and length.
struct TlbiRange {
    u64 start = 0;
    u64 bytes = 0;
    u8 granule = 0;  // 0: TG is reserved, and nothing is invalidated
};
TlbiRange decode_tlbi_range(u64 operand);

}  // namespace nest::nested
