// SPDX-License-Identifier: GPL-2.0-only
#include <nested/walk/walk_stage2.hpp>

namespace nest::nested {
namespace {

using arch::VTCR_EL2;
using arch::VTTBR_EL2;

unsigned granule_of(VTCR_EL2 vtcr) {
    constexpr u8 granules[] = {k4K, k64K, k16K, 0};
    return granules[vtcr.get<VTCR_EL2::TG0>()];
}

constexpr int kReserved = -2;

// The level at which walks begin, or kReserved. [DDI0487] D24.2.205 SL0, SL2
int start_level(unsigned granule, VTCR_EL2 vtcr, bool lpa2, const MmuFeatures& vm) {
    const u64 sl0 = vtcr.get<VTCR_EL2::SL0>();
    if (granule != k4K)
        return sl0 == 3 ? (lpa2 ? 0 : kReserved) : 3 - static_cast<int>(sl0);
    if (lpa2 && vtcr.get<VTCR_EL2::SL2>())
        return sl0 == 0 ? -1 : kReserved;
    return sl0 == 3 ? (vm.small_tables ? 3 : kReserved) : 2 - static_cast<int>(sl0);
}

// [DDI0487] D8.2.4 to D8.2.10: T0SZ within what the granule can, SL0 consistent with it (the start level has one to
// sixteen concatenated tables), and neither larger than the VM's physical addresses.
bool is_legal(unsigned granule, int level, unsigned input_bits, const MmuFeatures& vm) {
    const unsigned least = !vm.small_tables ? 25 : granule == k64K ? 17 : 16;
    if (level == kReserved || input_bits < least || input_bits > vm.pa_bits)  // no VM has more than 48 bits
        return false;
    if ((granule == k4K && level == 0 && vm.pa_bits <= 42) || (granule == k16K && level == 1 && vm.pa_bits <= 40) ||
        (granule == k64K && level == 1 && vm.pa_bits <= 42))
        return false;
    const unsigned entry = entry_shift(granule, level);
    return input_bits > entry && input_bits <= entry + bits_per_level(granule) + stage2::kMaxConcatenationBits;
}

}  // namespace

Stage2Regime stage2_regime(VTTBR_EL2 vttbr, VTCR_EL2 vtcr, bool big_endian, bool fwb, const MmuFeatures& vm) {
    Stage2Regime r;
    r.granule = static_cast<u8>(MmuFeatures::pick(vm.stage2_granules, granule_of(vtcr)));
    r.input_bits = static_cast<u8>(64 - vtcr.get<VTCR_EL2::T0SZ>());
    const unsigned ps = stage2::bits_of_parange(static_cast<unsigned>(vtcr.get<VTCR_EL2::PS>()));
    r.output_bits = ps < vm.pa_bits ? static_cast<u8>(ps) : vm.pa_bits;
    r.big_endian = big_endian;
    r.fwb = fwb;
    r.xnx = vm.xnx;
    r.lpa2 = (vm.stage2_lpa2 & granule_bit(r.granule)) && vtcr.get<VTCR_EL2::DS>();
    r.sh = static_cast<u8>(vtcr.get<VTCR_EL2::SH0>());
    r.sets_access_flag = vm.access_flag && vtcr.get<VTCR_EL2::HA>();
    r.sets_dirty_state = vm.dirty_state && r.sets_access_flag && vtcr.get<VTCR_EL2::HD>();

    const int level = start_level(r.granule, vtcr, r.lpa2, vm);
    if (!is_legal(r.granule, level, r.input_bits, vm)) {
        r.fsc = detail::fsc_of(arch::kFscTranslation, 0);
        r.input_bits = r.input_bits > 63 ? 63 : r.input_bits;
        return r;
    }
    r.start_level = static_cast<s8>(level);
    // The first table is aligned to its size; what BADDR has below that is RES0.
    const unsigned alignment = 3 + r.input_bits - entry_shift(r.granule, r.start_level);
    r.base = detail::address_bits(vttbr.get<VTTBR_EL2::BADDR>() << 1, alignment);
    if (r.base >> r.output_bits)
        r.fsc = detail::fsc_of(arch::kFscAddressSize, 0);
    return r;
}

Stage2Result identity_stage2(u64 ipa) {
    Stage2Result r;
    r.status = WalkStatus::kTranslated;
    r.memattr = 15;
    r.sh = 3;
    r.attributes.prot = stage2::kProtRwx;
    r.output = arch::Ipa(ipa);
    return r;
}

}  // namespace nest::nested
