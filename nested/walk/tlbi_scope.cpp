// SPDX-License-Identifier: GPL-2.0-only
#include <nested/walk/tlbi_scope.hpp>

namespace nest::nested {
namespace {

constexpr u64 kIpaLimit = u64{1} << stage2::kMaxIpaBits;

arch::Tlbi stage1_instruction(const TlbiOp& op) {
    using enum arch::Tlbi;
    switch (op.scope) {
    case TlbiScope::kAsid:
        return ASIDE1IS;
    case TlbiScope::kVa:
        return op.range ? (op.last_level ? RVALE1IS : RVAE1IS) : op.last_level ? VALE1IS : VAE1IS;
    case TlbiScope::kVaAllAsids:
        return op.range ? (op.last_level ? RVAALE1IS : RVAAE1IS) : op.last_level ? VAALE1IS : VAAE1IS;
    default:
        return VMALLE1IS;
    }
}

}  // namespace

unsigned leaf_shift_of(unsigned granule, int level, bool lpa2) {
    if (!granule || (level != kLastLevel && !has_blocks(granule, level, lpa2)))
        return 0;
    return entry_shift(granule, level);
}

ShadowTlbi shadow_tlbi(const TlbiOp& op, u64 operand, u16 vmid, bool lpa2, const MmuFeatures& vm) {
    ShadowTlbi t;
    t.vmid = vmid;
    lpa2 = lpa2 && vm.stage2_lpa2;
    switch (op.scope) {
    case TlbiScope::kAllVmids:
        return t;
    case TlbiScope::kVmid:
        t.what = ShadowTlbi::What::kVmid;
        return t;
    case TlbiScope::kIpa: {
        const u64 start = op.range && lpa2 ? wide_start(op) : op.start;
        t.what = op.size ? ShadowTlbi::What::kIpaRange : ShadowTlbi::What::kIpa;
        // Nothing is mapped above 48 bits. A larger address becomes the limit: cut to 48 bits it would name a mapped one.
        t.start = start < kIpaLimit ? start : kIpaLimit;
        t.bytes = op.size < kIpaLimit - t.start ? op.size : kIpaLimit - t.start;
        // Ranges have their own hint, whether or not there is FEAT_TTL.
        t.leaf_shift = vm.ttl || op.size ? static_cast<u8>(leaf_shift_of(op.granule_bits, op.level, lpa2)) : 0;
        return t;
    }
    default:
        t.what = ShadowTlbi::What::kStage1;
        // Hardware reads the base of a range by the TCR_EL1.DS of the moment, which is virtual EL2's and not the guest's: then
        // everything goes.
        t.op = op.range && vm.stage1_lpa2 ? arch::Tlbi::VMALLE1IS : stage1_instruction(op);
        t.operand = t.op == arch::Tlbi::VMALLE1IS ? 0 : operand;
        return t;
    }
}

}  // namespace nest::nested
