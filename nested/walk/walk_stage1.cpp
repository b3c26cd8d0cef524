// SPDX-License-Identifier: GPL-2.0-only
#include <nested/walk/walk_stage1.hpp>

namespace nest::nested {
namespace {

// [DDI0487] D24.2.192 TCR_EL1, and TCR_EL2 with E2H: the same layout
struct Tcr : arch::Layout<Tcr> {
    using DS = Bit<59>;
    using E0PD1 = Bit<56>;
    using E0PD0 = Bit<55>;
    using HPD1 = Bit<42>;
    using HPD0 = Bit<41>;
    using HD = Bit<40>;
    using HA = Bit<39>;
    using TBI1 = Bit<38>;
    using TBI0 = Bit<37>;
    using AS = Bit<36>;
    using IPS = Field<34, 32>;
    using TG1 = Field<31, 30>;
    using SH1 = Field<29, 28>;
    using EPD1 = Bit<23>;
    using A1 = Bit<22>;
    using T1SZ = Field<21, 16>;
    using TG0 = Field<15, 14>;
    using SH0 = Field<13, 12>;
    using EPD0 = Bit<7>;
    using T0SZ = Field<5, 0>;

    template <typename Low, typename High>
    constexpr u64 half(bool high) const { return high ? get<High>() : get<Low>(); }
};
struct Sctlr : arch::Layout<Sctlr> {
    using EPAN = Bit<57>;
    using EE = Bit<25>;
    using WXN = Bit<19>;
    using M = Bit<0>;
};

unsigned granule_of(Tcr tcr, bool high) {
    constexpr u8 low[] = {k4K, k64K, k16K, 0}, upper[] = {0, k16K, k4K, k64K};
    return high ? upper[tcr.get<Tcr::TG1>()] : low[tcr.get<Tcr::TG0>()];
}

// Without TBI, all bits above the input must be copies of bit 55; with it, those up to 55.
bool in_range(u64 va, unsigned input_bits, bool high, bool tbi) {
    const unsigned top = tbi ? 55 : 63;
    const u64 mask = (top == 63 ? ~u64{0} : (u64{1} << (top + 1)) - 1) & ~((u64{1} << input_bits) - 1);
    return (va & mask) == (high ? mask : 0);
}

// Half a MAIR byte (Normal memory) in stage 2's encoding of cacheability: 1 Non-cacheable, 2 Write-Through, 3 Write-Back.
unsigned cacheability(unsigned half) { return half == 4 ? 1 : half >= 8 && half < 12 ? 2 : half >= 12 ? 3 : half < 4 ? 2 : 3; }

}  // namespace

u16 present_asid(const Stage1Registers& registers) {
    const Tcr tcr = Tcr::of(registers.tcr);
    const u64 asid = (tcr.get<Tcr::A1>() ? registers.ttbr1 : registers.ttbr0) >> 48;
    return static_cast<u16>(tcr.get<Tcr::AS>() ? asid : asid & 0xff);
}

Stage1Regime stage1_regime(const Stage1Registers& registers, u64 va, bool el0, const MmuFeatures& vm) {
    const Tcr tcr = Tcr::of(registers.tcr);
    const Sctlr sctlr = Sctlr::of(registers.sctlr);
    const bool high = va >> 55 & 1;
    const bool tbi = tcr.half<Tcr::TBI0, Tcr::TBI1>(high);
    Stage1Regime r;
    r.enabled = sctlr.get<Sctlr::M>() && !registers.off;
    if (!r.enabled) {
        // D8.2.1: an address beyond the physical ones is an address size fault, level 0. TBI counts here, too.
        if (!in_range(va, vm.pa_bits, false, tbi))
            r.fsc = detail::fsc_of(arch::kFscAddressSize, 0);
        return r;
    }
    r.granule = static_cast<u8>(MmuFeatures::pick(vm.stage1_granules, granule_of(tcr, high)));
    r.big_endian = sctlr.get<Sctlr::EE>();
    r.wxn = sctlr.get<Sctlr::WXN>();
    r.epan = vm.epan && sctlr.get<Sctlr::EPAN>();
    r.one_privilege = registers.one_privilege;
    r.hierarchy_off = vm.hierarchy_off && tcr.half<Tcr::HPD0, Tcr::HPD1>(high);
    r.sets_access_flag = vm.access_flag && tcr.get<Tcr::HA>();
    r.sets_dirty_state = vm.dirty_state && r.sets_access_flag && tcr.get<Tcr::HD>();
    const u16 asid = present_asid(registers);
    r.asid = vm.asid16 ? asid : asid & 0xff;

    r.lpa2 = (vm.stage1_lpa2 & granule_bit(r.granule)) && tcr.get<Tcr::DS>();
    r.sh = static_cast<u8>(tcr.half<Tcr::SH0, Tcr::SH1>(high));

    const unsigned input_bits = 64 - static_cast<unsigned>(tcr.half<Tcr::T0SZ, Tcr::T1SZ>(high));
    const unsigned least = !vm.small_tables ? 25 : r.granule == k64K ? 17 : 16;
    const bool legal = input_bits >= least && input_bits <= (r.lpa2 ? 52 : 48);
    const unsigned bits = legal ? input_bits : 48;
    r.input_bits = static_cast<u8>(bits);
    r.start_level = static_cast<s8>(kLastLevel - static_cast<int>((bits - 1 - r.granule) / bits_per_level(r.granule)));
    // A translation fault of the first walk: level 0 ([DDI0487] D8.14.5, as for an address outside of both ranges).
    if (!legal || !in_range(va, bits, high, tbi) || tcr.half<Tcr::EPD0, Tcr::EPD1>(high) ||
        (vm.e0pd && el0 && tcr.half<Tcr::E0PD0, Tcr::E0PD1>(high))) {
        r.fsc = detail::fsc_of(arch::kFscTranslation, 0);
        return r;
    }
    const unsigned ips = stage2::bits_of_parange(static_cast<unsigned>(tcr.get<Tcr::IPS>()));
    r.output_bits = ips < vm.pa_bits ? static_cast<u8>(ips) : vm.pa_bits;
    const unsigned alignment = 3 + bits - entry_shift(r.granule, r.start_level);
    const u64 ttbr = high ? registers.ttbr1 : registers.ttbr0;
    if (detail::address_bits(ttbr, 1) >> r.output_bits)
        r.fsc = detail::fsc_of(arch::kFscAddressSize, 0);
    r.base = detail::address_bits(ttbr, alignment);
    return r;
}

Stage1Permissions stage1_permissions(const Stage1Regime& regime, u64 descriptor, u64 tables, bool el0, bool pan) {
    const bool read_only = (descriptor >> 7 & 1) || (tables >> 62 & 1);
    if (regime.one_privilege) {
        // XN is bit 54, XNTable bit 60; AP[1] is RES1, PXN and APTable[0] RES0 ([DDI0487] D8.4.1).
        const bool xn = (descriptor >> 54 & 1) || (tables >> 60 & 1);
        return {.r = true, .w = !read_only, .x = !xn && !(regime.wxn && !read_only)};
    }
    const bool for_el0 = (descriptor >> 6 & 1) && !(tables >> 61 & 1);
    const bool uxn = (descriptor >> 54 & 1) || (tables >> 60 & 1), pxn = (descriptor >> 53 & 1) || (tables >> 59 & 1);
    Stage1Permissions p;
    p.el0_r = for_el0;
    p.el0_w = for_el0 && !read_only;
    const bool el0_x = !uxn && !(regime.wxn && p.el0_w);
    if (el0) {
        p.r = p.el0_r;
        p.w = p.el0_w;
        p.x = el0_x;
        return p;
    }
    // What EL0 may write, EL1 never executes.
    p.x = !pxn && !p.el0_w && !(regime.wxn && !read_only);
    const bool kept_out = pan && (p.el0_r || (regime.epan && el0_x));
    p.r = !kept_out;
    p.w = !read_only && !kept_out;
    return p;
}

arch::PAR_EL1 par_of(const Stage1Result& s1, const Stage2Result* s2, bool fwb, bool uncached) {
    constexpr u64 kRes1 = u64{1} << 11;
    const bool second = s1.status == WalkStatus::kTranslated && s2 && s2->status != WalkStatus::kTranslated;
    if (s1.status != WalkStatus::kTranslated || second) {
        const u64 fst = second ? s2->fsc : s1.fsc;
        const bool stage2 = second || s1.on_stage2;
        return arch::PAR_EL1::of(kRes1 | u64{stage2} << 9 | u64{s1.on_stage2 && s1.on_walk} << 8 | fst << 1 | 1);
    }
    u64 attr = s1.attr, sh = s1.sh, output = s1.output;
    if (s2) {
        output = s2->output.raw;
        unsigned m = s2->memattr;
        const bool device1 = (attr & 0xf0) == 0, device2 = fwb ? !(m & 4) : (m >> 2) == 0;
        // [DDI0487] D24.2.58: HCR_EL2.CD acts on stage 2's attribute. With FWB that one is already combined with stage 1's,
        // so that CD comes after the combination.
        if (uncached && !device2 && !fwb)
            m = 5;
        if (fwb && !device2) {
            if ((m & 7) == 6)  // Write-Back, whatever stage 1 says
                attr = 0xff;
            else if ((m & 7) == 5)
                attr = device1 ? attr : 0x44;
            if (uncached && (attr & 0xf0) != 0)
                attr = 0x44;
        } else if (device1 || device2) {
            const u64 d1 = attr >> 2 & 3, d2 = m & 3;  // the stricter
            attr = (!device2 ? d1 : !device1 ? d2 : d1 < d2 ? d1 : d2) << 2;
        } else {
            constexpr u8 attribute[] = {0, 0x4, 0xb, 0xf};
            const unsigned outer1 = cacheability(attr >> 4), inner1 = cacheability(attr & 15);
            const unsigned outer2 = m >> 2, inner2 = m & 3 ? m & 3 : 1;
            attr = u64{attribute[outer1 < outer2 ? outer1 : outer2]} << 4 | attribute[inner1 < inner2 ? inner1 : inner2];
        }
        sh = sh == 2 || s2->sh == 2 ? 2 : sh == 3 || s2->sh == 3 ? 3 : 0;
    }
    if ((attr & 0xf0) == 0 || attr == 0x44)
        sh = 2;  // Device and Non-cacheable memory is Outer Shareable
    return arch::PAR_EL1::of(attr << 56 | (output & arch::PAR_EL1::PA::kMask) | kRes1 | sh << 7);
}

}  // namespace nest::nested
