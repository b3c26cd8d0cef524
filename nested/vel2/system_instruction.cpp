// SPDX-License-Identifier: GPL-2.0-only
#include <nested/vel2/system_instruction.hpp>

namespace nest::nested {
namespace {

using arch::Encoding;

constexpr u64 field(u64 value, unsigned high, unsigned low) { return value >> low & ((u64{2} << (high - low)) - 1); }
constexpr u64 sign_extend(u64 value, unsigned top_bit) {
    const unsigned shift = 63 - top_bit;
    return static_cast<u64>(static_cast<s64>(value << shift) >> shift);
}

// op1 0, by op2: VMALLE1, VAE1, ASIDE1, VAAE1, -, VALE1, -, VAALE1. Range forms exist where an address does.
bool stage1_e1(unsigned op2, bool range, TlbiOp& op) {
    switch (op2) {
    case 0: op.scope = TlbiScope::kStage1; return !range;
    case 1: op.scope = TlbiScope::kVa; return true;
    case 2: op.scope = TlbiScope::kAsid; return !range;
    case 3: op.scope = TlbiScope::kVaAllAsids; return true;
    case 5: op.scope = TlbiScope::kVa; op.last_level = true; return true;
    case 7: op.scope = TlbiScope::kVaAllAsids; op.last_level = true; return true;
    default: return false;
    }
}

// op1 4: ALLE2, VAE2, -, -, ALLE1, VALE2, VMALLS12E1.
bool by_e2(unsigned op2, bool range, TlbiOp& op) {
    switch (op2) {
    case 0: op.scope = TlbiScope::kStage1; return !range;
    case 1: op.scope = TlbiScope::kVa; return true;
    case 4: op.scope = TlbiScope::kAllVmids; op.regime = Regime::kEl10; return !range;
    case 5: op.scope = TlbiScope::kVa; op.last_level = true; return true;
    case 6: op.scope = TlbiScope::kVmid; op.regime = Regime::kEl10; return !range;
    default: return false;
    }
}

// op1 4, CRm 0 (inner shareable) and 4 (op2 0, 3, 4, 7 outer shareable, the others not): IPAS2E1, RIPAS2E1, IPAS2LE1,
// RIPAS2LE1.
bool by_ipa(unsigned crm, unsigned op2, TlbiOp& op) {
    op.scope = TlbiScope::kIpa;
    op.regime = Regime::kEl10;
    op.last_level = op2 >= 4;
    const unsigned kind = op2 & 3;
    op.range = kind >= 2;
    if (crm == 0) {
        op.shareability = Shareability::kInner;
        return kind == 1 || kind == 2;
    }
    op.shareability = kind == 0 || kind == 3 ? Shareability::kOuter : Shareability::kNone;
    return true;
}

struct Group {
    Shareability shareability;
    bool range;
    bool exists;
};
// CRm of all but the IPA forms.
constexpr Group group_of(unsigned crm) {
    switch (crm) {
    case 1: return {Shareability::kOuter, false, true};
    case 2: return {Shareability::kInner, true, true};
    case 3: return {Shareability::kInner, false, true};
    case 5: return {Shareability::kOuter, true, true};
    case 6: return {Shareability::kNone, true, true};
    case 7: return {Shareability::kNone, false, true};
    default: return {Shareability::kNone, false, false};
    }
}

constexpr u8 granule_of(u64 tg) { return tg == 0 ? 0 : tg == 1 ? 12 : tg == 2 ? 14 : 16; }

// The scope of a TLBI whose operand has a reserved granule, so that nobody knows which addresses it names: all of them.
TlbiScope widened(TlbiScope scope) { return scope == TlbiScope::kIpa ? TlbiScope::kVmid : TlbiScope::kStage1; }

// Xt of a range: TG 47:46, SCALE 45:44, NUM 43:39, TTL 38:37, BaseADDR 36:0 in granules.
void decode_range(u64 operand, TlbiOp& op) {
    const u8 bits = granule_of(field(operand, 47, 46));
    if (bits == 0) {
        op.scope = widened(op.scope);
        op.range = false;
        op.asid = 0;
        return;
    }
    const u64 num = field(operand, 43, 39), scale = field(operand, 45, 44);
    const u64 base = field(operand, 36, 0);
    op.granule_bits = bits;
    op.level = static_cast<u8>(field(operand, 38, 37));
    op.start = op.scope == TlbiScope::kIpa ? base << bits : sign_extend(base, 36) << bits;
    op.size = (num + 1) << (5 * scale + 1 + bits);
    // Past the end of the address space there is nothing.
    if (op.start + op.size < op.start)
        op.size = 0 - op.start;
}

// Xt of one address: TTL 47:44 (granule 47:46, level 45:44), address in units of 4 KiB in 43:0.
void decode_address(u64 operand, TlbiOp& op) {
    const u64 ttl = field(operand, 47, 44);
    op.granule_bits = granule_of(ttl >> 2);
    op.level = op.granule_bits ? static_cast<u8>(ttl & 3) : 0;
    op.start = op.scope == TlbiScope::kIpa ? field(operand, 39, 0) << 12 : sign_extend(field(operand, 43, 0), 43) << 12;
    if (op.granule_bits)
        op.start &= ~u64{0} << op.granule_bits;
}

Regime vel2_regime(bool e2h) { return e2h ? Regime::kEl20 : Regime::kEl2; }

}  // namespace

bool decode_tlbi(Encoding e, u64 operand, const Features& features, bool e2h, bool tge, TlbiOp& op) {
    op = {};
    if (!is_tlbi(e))
        return false;
    op.nxs = e.crn() == 9;
    const bool el1 = e.op1() == 0;
    bool exists;
    if (!el1 && (e.crm() == 0 || e.crm() == 4)) {
        exists = by_ipa(e.crm(), e.op2(), op);
    } else {
        const Group g = group_of(e.crm());
        op.shareability = g.shareability;
        op.range = g.range;
        op.regime = el1 && !(e2h && tge) ? Regime::kEl10 : vel2_regime(e2h);
        exists = g.exists && (el1 ? stage1_e1(e.op2(), g.range, op) : by_e2(e.op2(), g.range, op));
    }
    if (!exists || (op.nxs && !features.has(Feature::kXs)) || (op.range && !features.has(Feature::kTlbiRange)) ||
        (op.shareability == Shareability::kOuter && !features.has(Feature::kTlbiOs)))
        return false;
    // Without E2H, EL2's regime has no ASIDs: Xt[63:48] is RES0.
    if ((op.scope == TlbiScope::kVa || op.scope == TlbiScope::kAsid) && op.regime != Regime::kEl2)
        op.asid = static_cast<u16>(operand >> 48);
    if (op.range)
        decode_range(operand, op);
    else if (op.scope == TlbiScope::kVa || op.scope == TlbiScope::kVaAllAsids || op.scope == TlbiScope::kIpa)
        decode_address(operand, op);
    return true;
}

bool decode_at(Encoding e, u64 operand, const Features& features, bool e2h, bool tge, AtOp& op) {
    op = {};
    if (!is_at(e))
        return false;
    op.va = operand;
    const unsigned op2 = e.op2();
    if (e.op1() == 0) {
        op.regime = e2h && tge ? Regime::kEl20 : Regime::kEl10;
        op.write = op2 & 1;
        if (e.crm() == 8) {
            op.el0 = op2 >= 2;
            return op2 < 4;
        }
        op.pan = op2 < 2;
        op.any = op2 == 2;
        return (op.pan && features.has(Feature::kPan2)) || (op.any && features.has(Feature::kAts1a));
    }
    op.regime = op2 < 4 ? vel2_regime(e2h) : Regime::kEl10;
    if (e.crm() == 9) {
        op.any = true;
        return op2 == 2 && features.has(Feature::kAts1a);
    }
    op.write = op2 & 1;
    op.stage2 = op2 >= 4;
    op.el0 = op2 >= 6;
    // With E2H and TGE there is no stage 2 and no EL1 below: the S12 forms act as EL2&0's stage 1 ([DDI0487] C5.4).
    if (op.stage2 && e2h && tge) {
        op.stage2 = false;
        op.regime = Regime::kEl20;
    }
    return op2 < 2 || op2 >= 4;
}

}  // namespace nest::nested
