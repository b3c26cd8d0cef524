// SPDX-License-Identifier: GPL-2.0-only
// What a VM's ID registers say about its MMU, as far as a software walk of its tables depends on it; and the shape that
// all VMSAv8-64 tables share: [DDI0487] D8.2.
#pragma once
#include <arch/registers.hpp>
#include <stage2/geometry.hpp>

namespace nest::nested {

// log2 of the granule.
inline constexpr unsigned k4K = 12, k16K = 14, k64K = 16;
constexpr unsigned granule_bit(unsigned granule) { return 1u << ((granule - k4K) / 2); }
inline constexpr int kLastLevel = 3;

constexpr unsigned bits_per_level(unsigned granule) { return granule - 3; }
// log2 of the bytes that one entry at this level maps. With FEAT_LPA2 the first level may be -1.
constexpr unsigned entry_shift(unsigned granule, int level) {
    return granule + static_cast<unsigned>(kLastLevel - level) * bits_per_level(granule);
}
// May an entry at this level be a block? `lpa2`: the table has descriptors of FEAT_LPA2 (TCR_ELx.DS, VTCR_EL2.DS).
constexpr bool has_blocks(unsigned granule, int level, bool lpa2) {
    return level == 2 || (level == 1 && (granule == k4K || (lpa2 && granule == k16K))) || (level == 0 && lpa2 && granule == k4K);
}
// log2 of the entries that the Contiguous bit joins.
constexpr unsigned contiguous_bits(unsigned granule, int level) {
    return granule == k4K ? 4 : granule == k64K ? 5 : level == kLastLevel ? 7 : 5;
}

struct MmuFeatures {
    u8 pa_bits = 48;          // of the VM, at most 48
    u8 stage1_granules = 0;   // granule_bit()s
    u8 stage2_granules = 0;
    u8 stage1_lpa2 = 0, stage2_lpa2 = 0;  // FEAT_LPA2: granules for which DS is no RES0
    bool small_tables = false;  // FEAT_TTST
    bool access_flag = false;   // FEAT_HAFDBS: the hardware manages the access flag
    bool dirty_state = false;   // … and the dirty state
    bool hierarchy_off = false;  // FEAT_HPDS
    bool e0pd = false;
    bool epan = false;        // FEAT_PAN3
    bool xnx = false;
    bool ttl = false;
    bool asid16 = false;
    bool vmid16 = false;

    // The granule that an encoding stands for: an encoding of none, or of one that the VM does not have, may be taken for
    // any that it has. [DDI0487] D24.2.205 TG0
    static constexpr unsigned pick(u8 granules, unsigned wanted) {
        if (wanted && (granules & granule_bit(wanted)))
            return wanted;
        return granules & granule_bit(k4K) ? k4K : granules & granule_bit(k16K) ? k16K : k64K;
    }
};

// `ids.template get<R>()` is the VM's value of an ID register.
template <typename Ids>
constexpr MmuFeatures mmu_features_of(const Ids& ids) {
    using namespace arch;
    const auto mmfr0 = ids.template get<ID_AA64MMFR0_EL1>();
    const auto mmfr1 = ids.template get<ID_AA64MMFR1_EL1>();
    const auto mmfr2 = ids.template get<ID_AA64MMFR2_EL1>();
    MmuFeatures f;
    f.pa_bits = static_cast<u8>(stage2::bits_of_parange(static_cast<unsigned>(mmfr0.template get<ID_AA64MMFR0_EL1::PARANGE>())));
    // Stage 1: 0xf is "none" for 4 and 64 KiB, 0 for 16 KiB. Stage 2: 1 is "none", 0 is "as stage 1".
    const u64 tgran4 = mmfr0.template get<ID_AA64MMFR0_EL1::TGRAN4>(), tgran4_2 = mmfr0.template get<ID_AA64MMFR0_EL1::TGRAN4_2>();
    const u64 tgran16 = mmfr0.template get<ID_AA64MMFR0_EL1::TGRAN16>(), tgran16_2 = mmfr0.template get<ID_AA64MMFR0_EL1::TGRAN16_2>();
    const u64 tgran64 = mmfr0.template get<ID_AA64MMFR0_EL1::TGRAN64>(), tgran64_2 = mmfr0.template get<ID_AA64MMFR0_EL1::TGRAN64_2>();
    const bool g4 = tgran4 != 15, g16 = tgran16 != 0, g64 = tgran64 != 15;
    const bool lpa4 = tgran4 == 1, lpa16 = tgran16 == 2;
    auto second = [](u64 field, bool first) { return field == 0 ? first : field != 1; };
    auto second_lpa2 = [](u64 field, bool first) { return field == 0 ? first : field == 3; };
    auto all = [](bool a, bool b, bool c) {
        return static_cast<u8>((a ? granule_bit(k4K) : 0) | (b ? granule_bit(k16K) : 0) | (c ? granule_bit(k64K) : 0));
    };
    f.stage1_granules = all(g4, g16, g64);
    f.stage2_granules = all(second(tgran4_2, g4), second(tgran16_2, g16), second(tgran64_2, g64));
    f.stage1_lpa2 = all(lpa4, lpa16, false);
    f.stage2_lpa2 = all(second_lpa2(tgran4_2, lpa4), second_lpa2(tgran16_2, lpa16), false);
    f.asid16 = mmfr0.template get<ID_AA64MMFR0_EL1::ASIDBits>() == 2;
    f.small_tables = mmfr2.template get<ID_AA64MMFR2_EL1::ST>() != 0;
    f.access_flag = mmfr1.template get<ID_AA64MMFR1_EL1::HAFDBS>() >= 1;
    f.dirty_state = mmfr1.template get<ID_AA64MMFR1_EL1::HAFDBS>() >= 2;
    f.hierarchy_off = mmfr1.template get<ID_AA64MMFR1_EL1::HPDS>() >= 1;
    f.epan = mmfr1.template get<ID_AA64MMFR1_EL1::PAN>() >= 3;
    f.xnx = mmfr1.template get<ID_AA64MMFR1_EL1::XNX>() != 0;
    f.vmid16 = mmfr1.template get<ID_AA64MMFR1_EL1::VMIDBits>() == 2;
    f.ttl = mmfr2.template get<ID_AA64MMFR2_EL1::TTL>() != 0;
    f.e0pd = (mmfr2.raw >> 60) != 0;
    return f;
}

static_assert(entry_shift(k4K, 2) == 21 && entry_shift(k16K, 2) == 25 && entry_shift(k64K, 2) == 29);
static_assert(entry_shift(k4K, 0) == 39 && entry_shift(k16K, 1) == 36 && entry_shift(k64K, 1) == 42 && entry_shift(k4K, -1) == 48);

}  // namespace nest::nested
