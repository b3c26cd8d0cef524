// SPDX-License-Identifier: GPL-2.0-only
// Masks, reset values, ONE_REG, the VNCR page's layout and the ID registers.
#include <map>
#include <nested/vel2/id_registers.hpp>
#include <set>
#include <tests/unit/nested/vel2/fixture.hpp>

namespace nest::nested {
namespace {

using arch::encoding_of;
using H = arch::HCR_EL2;

struct Registers : Vel2Test {};

TEST_F(Registers, Reset) {
    l1(SysReg::MIDR_EL1, 0x41);
    l1(SysReg::MPIDR_EL1, 0x8000'0003);
    l1(SysReg::VTTBR_EL2, 77);
    context.pstate = 0;
    reset_el2(v);
    EXPECT_TRUE(v.in_vel2());
    EXPECT_EQ(v.guest_pstate(), 0x3c9u);
    EXPECT_EQ(context.pstate, 0x3c5u);
    EXPECT_EQ(file.get(SysReg::VPIDR_EL2), 0x41u);
    EXPECT_EQ(file.get(SysReg::VMPIDR_EL2), 0x8000'0003u);
    EXPECT_EQ(file.get(SysReg::VTTBR_EL2), 0u);
    EXPECT_TRUE(v.hcr().get<H::E2H>());
    EXPECT_FALSE(v.tge());
    EXPECT_FALSE(file.get(SysReg::SCTLR_EL2) & 5) << "MMU and caches off";
}

// A VMM numbers its CPUs after KVM_ARM_VCPU_INIT, or restores what another machine had.
TEST_F(Registers, WhatAGuestReadsOfItsCpuFollowsUntilItIsGiven) {
    l1(SysReg::MIDR_EL1, 0x41);
    l1(SysReg::MPIDR_EL1, 0x8000'0003);
    reset_el2(v);
    set_midr(v, 0x42);
    set_mpidr(v, 0x8000'0100);
    EXPECT_EQ(file.get(SysReg::MIDR_EL1), 0x42u);
    EXPECT_EQ(file.get(SysReg::VPIDR_EL2), 0x42u);
    EXPECT_EQ(file.get(SysReg::MPIDR_EL1), 0x8000'0100u);
    EXPECT_EQ(file.get(SysReg::VMPIDR_EL2), 0x8000'0100u);
    set_one_reg(v, encoding_of(SysReg::VPIDR_EL2), 0x77);
    set_one_reg(v, encoding_of(SysReg::VMPIDR_EL2), 0x8000'0007);
    set_midr(v, 0x43);
    set_mpidr(v, 0x8000'0200);
    EXPECT_EQ(file.get(SysReg::VPIDR_EL2), 0x77u);
    EXPECT_EQ(file.get(SysReg::VMPIDR_EL2), 0x8000'0007u);
    EXPECT_EQ(file.get(SysReg::MIDR_EL1), 0x43u);
    EXPECT_EQ(file.get(SysReg::MPIDR_EL1), 0x8000'0200u);
    vhe::GuestContext other{};
    vncr::RegisterFile flat_file;
    VirtualEl2 flat(other, flat_file);
    set_mpidr(flat, 5);
    EXPECT_EQ(flat_file.get(SysReg::MPIDR_EL1), 5u);
}

TEST_F(Registers, E2hIsAlwaysOne) {
    l1(SysReg::HCR_EL2, 0);
    EXPECT_TRUE(v.e2h());
    EXPECT_EQ(v.hcr().raw, 0x4'8000'0002u);
}

TEST_F(Registers, MasksFollowFeatures) {
    const RegisterMasks none{Features{}}, all{every_feature()};
    EXPECT_EQ(none.apply(SysReg::HFGITR_EL2, ~u64{0}), 0u);
    EXPECT_EQ(all.apply(SysReg::HFGITR_EL2, ~u64{0}), 0x4078'ffff'ffff'ffffu)
        << "no SPECRES, no PSB, none where 0 traps";
    EXPECT_EQ(none.apply(SysReg::VTTBR_EL2, ~u64{0}), 0x00ff'ffff'ffff'fffeu);
    EXPECT_EQ(all.apply(SysReg::VTTBR_EL2, ~u64{0}), ~u64{0});
    EXPECT_EQ(none.apply(SysReg::VTCR_EL2, 0), 0x8000'0000u);
    EXPECT_EQ(none.apply(SysReg::CNTHCTL_EL2, ~u64{0}), 0xfffu);
    EXPECT_EQ(none.apply(SysReg::TTBR0_EL2, 0x1234), 0x1234u) << "no rules";
    constexpr u64 optional = H::mask<H::NV, H::NV2, H::AT, H::API, H::TERR, H::TLOR, H::FWB>();
    constexpr u64 never = H::mask<H::NV1, H::HCD, H::TID0, H::EnSCXT, H::ATA, H::DCT, H::TID5>();
    EXPECT_EQ(none.apply(SysReg::HCR_EL2, ~u64{0}) & optional, 0u);
    EXPECT_EQ(all.apply(SysReg::HCR_EL2, ~u64{0}) & optional, optional);
    EXPECT_EQ(all.apply(SysReg::HCR_EL2, ~u64{0}) & never, 0u);
    // Every rule's bits are in the register, once: RES1 and BITS do not fight.
    for (u64 value : {u64{0}, ~u64{0}})
        for (SysReg r : {SysReg::HCR_EL2, SysReg::VTCR_EL2, SysReg::VMPIDR_EL2})
            EXPECT_EQ(all.apply(r, all.apply(r, value)), all.apply(r, value));
}

// NV2 makes memory of a register that the VMM has hidden: what L1 writes there must not trap anything.
TEST_F(Registers, HiddenRegisterHasNoBits) {
    Features features = every_feature();
    features.set(Feature::kFgt, false).set(Feature::kHcx, false);
    const RegisterMasks masks{features};
    for (const SysReg r : {SysReg::HFGRTR_EL2, SysReg::HFGWTR_EL2, SysReg::HFGITR_EL2, SysReg::HDFGRTR_EL2,
                           SysReg::HDFGWTR_EL2, SysReg::HCRX_EL2})
        EXPECT_EQ(masks.apply(r, ~u64{0}), 0u) << arch::name_of(r);
}

// The EL2 part of get-reg-list of Linux 7.2's KVM selftests, by name.
const SysReg kListed[] = {
    SysReg::VPIDR_EL2,   SysReg::VMPIDR_EL2,  SysReg::SCTLR_EL2,      SysReg::ACTLR_EL2,  SysReg::HCR_EL2,
    SysReg::MDCR_EL2,    SysReg::CPTR_EL2,    SysReg::HSTR_EL2,       SysReg::HFGRTR_EL2, SysReg::HFGWTR_EL2,
    SysReg::HFGITR_EL2,  SysReg::HACR_EL2,    SysReg::ZCR_EL2,        SysReg::HCRX_EL2,    SysReg::TTBR0_EL2,  SysReg::TTBR1_EL2,
    SysReg::TCR_EL2,     SysReg::VTTBR_EL2,   SysReg::VTCR_EL2,       SysReg::VNCR_EL2,   SysReg::HDFGRTR_EL2,
    SysReg::HDFGWTR_EL2, SysReg::HAFGRTR_EL2, SysReg::SPSR_EL2,       SysReg::ELR_EL2,    SysReg::AFSR0_EL2,
    SysReg::AFSR1_EL2,   SysReg::ESR_EL2,     SysReg::FAR_EL2,        SysReg::HPFAR_EL2,  SysReg::MAIR_EL2,
    SysReg::AMAIR_EL2,   SysReg::VBAR_EL2,    SysReg::CONTEXTIDR_EL2, SysReg::TPIDR_EL2,  SysReg::CNTVOFF_EL2,
    SysReg::CNTHCTL_EL2, SysReg::SP_EL2,      SysReg::VDISR_EL2,      SysReg::VSESR_EL2};

TEST_F(Registers, OneRegListIsThatOfLinux) {
    std::set<u16> want, have;
    for (SysReg r : kListed)
        want.insert(encoding_of(r).raw);
    for (u32 raw = 0; raw < 0x10000; raw++)
        if (has_one_reg(v, {static_cast<u16>(raw)}))
            have.insert(static_cast<u16>(raw));
    EXPECT_EQ(have, want);
}

TEST_F(Registers, OneRegHidesWithTheFeatureAndWithEl2) {
    const Config few(Features{}, true);
    v.enable(few);
    for (SysReg r : {SysReg::HFGRTR_EL2, SysReg::HCRX_EL2, SysReg::VNCR_EL2, SysReg::VSESR_EL2, SysReg::VDISR_EL2})
        EXPECT_FALSE(has_one_reg(v, encoding_of(r))) << arch::name_of(r);
    EXPECT_TRUE(has_one_reg(v, encoding_of(SysReg::HCR_EL2)));
    vhe::GuestContext other{};
    VirtualEl2 flat(other, file);
    EXPECT_FALSE(has_one_reg(flat, encoding_of(SysReg::HCR_EL2)));
}

TEST_F(Registers, OneRegRoundTrip) {
    for (SysReg r : kListed) {
        set_one_reg(v, encoding_of(r), 0x0123'4567'89ab'cdef);
        EXPECT_EQ(get_one_reg(v, encoding_of(r)), config.masks.apply(r, 0x0123'4567'89ab'cdef)) << arch::name_of(r);
    }
    EXPECT_TRUE(get_one_reg(v, encoding_of(SysReg::HCR_EL2)) & H::E2H::kMask);
}

// [DDI0487] table D8-67: offsets that hardware uses, against sysregs.def.
TEST(VncrPage, Layout) {
    const std::map<SysReg, int> offsets = {
        {SysReg::VTTBR_EL2, 0x020},     {SysReg::VTCR_EL2, 0x040},      {SysReg::VMPIDR_EL2, 0x050},
        {SysReg::CNTVOFF_EL2, 0x060},   {SysReg::HCR_EL2, 0x078},       {SysReg::HSTR_EL2, 0x080},
        {SysReg::VPIDR_EL2, 0x088},     {SysReg::TPIDR_EL2, 0x090},     {SysReg::HCRX_EL2, 0x0a0},
        {SysReg::VNCR_EL2, 0x0b0},      {SysReg::CPACR_EL1, 0x100},     {SysReg::CONTEXTIDR_EL1, 0x108},
        {SysReg::SCTLR_EL1, 0x110},     {SysReg::ACTLR_EL1, 0x118},     {SysReg::TCR_EL1, 0x120},
        {SysReg::AFSR0_EL1, 0x128},     {SysReg::AFSR1_EL1, 0x130},     {SysReg::ESR_EL1, 0x138},
        {SysReg::MAIR_EL1, 0x140},      {SysReg::AMAIR_EL1, 0x148},     {SysReg::MDSCR_EL1, 0x158},
        {SysReg::SPSR_EL1, 0x160},      {SysReg::CNTV_CVAL_EL0, 0x168}, {SysReg::CNTV_CTL_EL0, 0x170},
        {SysReg::CNTP_CVAL_EL0, 0x178}, {SysReg::CNTP_CTL_EL0, 0x180},  {SysReg::SCXTNUM_EL1, 0x188},
        {SysReg::TFSR_EL1, 0x190},      {SysReg::HDFGRTR2_EL2, 0x1a0},  {SysReg::CNTPOFF_EL2, 0x1a8},
        {SysReg::HDFGWTR2_EL2, 0x1b0},  {SysReg::HFGRTR_EL2, 0x1b8},    {SysReg::HFGWTR_EL2, 0x1c0},
        {SysReg::HFGITR_EL2, 0x1c8},    {SysReg::HDFGRTR_EL2, 0x1d0},   {SysReg::HDFGWTR_EL2, 0x1d8},
        {SysReg::ZCR_EL1, 0x1e0},       {SysReg::HAFGRTR_EL2, 0x1e8},   {SysReg::SMCR_EL1, 0x1f0},
        {SysReg::TTBR0_EL1, 0x200},     {SysReg::TTBR1_EL1, 0x210},     {SysReg::FAR_EL1, 0x220},
        {SysReg::ELR_EL1, 0x230},       {SysReg::SP_EL1, 0x240},        {SysReg::VBAR_EL1, 0x250},
        {SysReg::TCR2_EL1, 0x270},      {SysReg::SCTLR2_EL1, 0x278},    {SysReg::PIRE0_EL1, 0x290},
        {SysReg::PIR_EL1, 0x2a0},       {SysReg::POR_EL1, 0x2a8},       {SysReg::HFGRTR2_EL2, 0x2c0},
        {SysReg::HFGWTR2_EL2, 0x2c8},   {SysReg::HFGITR2_EL2, 0x310},   {SysReg::ICH_LR0_EL2, 0x400},
        {SysReg::ICH_LR15_EL2, 0x478},  {SysReg::ICH_AP0R0_EL2, 0x480}, {SysReg::ICH_AP1R3_EL2, 0x4b8},
        {SysReg::ICH_HCR_EL2, 0x4c0},   {SysReg::ICH_VMCR_EL2, 0x4c8},  {SysReg::VDISR_EL2, 0x500},
        {SysReg::VSESR_EL2, 0x508},     {SysReg::PMSCR_EL1, 0x828}};
    for (auto [reg, offset] : offsets)
        EXPECT_EQ(arch::info(reg).vncr, offset) << arch::name_of(reg);
    // And nothing else claims a place, but the list registers' and active priorities' middle.
    unsigned others = 0;
    for (const arch::SysRegInfo& r : arch::kSysRegs)
        others += r.vncr >= 0 && !offsets.contains(arch::find_sysreg(r.encoding));
    EXPECT_EQ(others, 14u + 6u);
}

TEST(VncrPage, TheRegisterFilePutsThemThere) {
    vncr::RegisterFile file;
    ASSERT_TRUE(file.init());
    file.set(SysReg::HCR_EL2, 0xabc);
    file.set(SysReg::SCTLR_EL1, 0xdef);
    EXPECT_EQ(file.page()[0x78 / 8], 0xabcu);
    EXPECT_EQ(file.page()[0x110 / 8], 0xdefu);
    file.page()[0x1b8 / 8] = 0x55;  // as hardware would
    EXPECT_EQ(file.get(SysReg::HFGRTR_EL2), 0x55u);
}

u64 field(u64 value, unsigned low) { return value >> low & 0xf; }
u64 id_register_with_el2(SysReg reg, u64 host, u64 flat) {
    return nested::id_register_with_el2(reg, host, flat, {.e2h0 = false});
}

TEST(IdRegisters, WhatEl2Adds) {
    EXPECT_EQ(id_register_with_el2(SysReg::ID_AA64PFR0_EL1, 0, 0x1100'0011'0111'2222), 0x1100'0011'0111'1111u);
    EXPECT_EQ(field(id_register_with_el2(SysReg::ID_AA64MMFR1_EL1, ~u64{0}, 0), 8), 1u) << "VH";
    const u64 mmfr4 = id_register_with_el2(SysReg::ID_AA64MMFR4_EL1, 0, 0);
    EXPECT_EQ(field(mmfr4, 20), 1u) << "NV_frac: NV2 and no less";
    EXPECT_EQ(field(nested::id_register_with_el2(SysReg::ID_AA64MMFR4_EL1, 0, 0, {.nv2 = false}), 20), 0u);
    EXPECT_EQ(field(mmfr4, 24), 0xeu) << "NI_NV1: hello_el2 wants it wherever FGT is shown";
    EXPECT_EQ(field(nested::id_register_with_el2(SysReg::ID_AA64MMFR4_EL1, 0, 0, {.e2h0 = true}), 24), 0u);
    EXPECT_EQ(field(nested::id_register_with_el2(SysReg::ID_AA64MMFR1_EL1, ~u64{0}, 0, {.vhe = false}), 8), 0u) << "VH";
    for (SysReg r : {SysReg::ID_PFR0_EL1, SysReg::ID_ISAR6_EL1, SysReg::MVFR2_EL1, SysReg::ID_MMFR5_EL1})
        EXPECT_EQ(id_register_with_el2(r, ~u64{0}, ~u64{0}), 0u) << "no AArch32";
    EXPECT_EQ(id_register_with_el2(SysReg::ID_AA64ISAR0_EL1, ~u64{0}, 0x1234), 0x1234u);
}

TEST(IdRegisters, Mmfr0) {
    using R = arch::ID_AA64MMFR0_EL1;
    const u64 host =
        R{}.with<R::FGT>(2).with<R::ECV>(2).with<R::TGRAN4>(1).with<R::TGRAN16>(2).with<R::TGRAN64>(0xf).raw;
    const R r = R::of(id_register_with_el2(SysReg::ID_AA64MMFR0_EL1, host, host | R::EXS::kMask | R::SNSMEM::kMask));
    EXPECT_EQ(r.get<R::FGT>(), 1u);
    EXPECT_EQ(r.get<R::ECV>(), 1u) << "no CNTPOFF";
    EXPECT_EQ(r.get<R::EXS>(), 0u);
    EXPECT_EQ(r.get<R::SNSMEM>(), 0u);
    EXPECT_EQ(r.get<R::TGRAN4>(), 1u) << "FEAT_LPA2";
    EXPECT_EQ(r.get<R::TGRAN16>(), 2u);
    EXPECT_EQ(r.get<R::TGRAN64>(), 0xfu);
    EXPECT_EQ(R::of(id_register_with_el2(SysReg::ID_AA64MMFR0_EL1, 0, R{}.with<R::TGRAN4>(0xf).raw)).get<R::TGRAN4>(), 0xfu);
    EXPECT_EQ(r.get<R::TGRAN4_2>(), 3u) << "FEAT_GTG says it plainly, and with FEAT_LPA2 as stage 1";
    EXPECT_EQ(r.get<R::TGRAN16_2>(), 3u);
    EXPECT_EQ(r.get<R::TGRAN64_2>(), 1u);
    const u64 plain = R{}.with<R::TGRAN16>(1).raw;
    const R without = R::of(id_register_with_el2(SysReg::ID_AA64MMFR0_EL1, host, plain));
    EXPECT_EQ(without.get<R::TGRAN4_2>(), 2u) << "shadows need no FEAT_LPA2, but stage 1 has none here";
    EXPECT_EQ(without.get<R::TGRAN16_2>(), 2u);
    // Stage 2 without the granule, although stage 1 has it.
    const u64 odd = R::of(host).with<R::TGRAN4_2>(1).with<R::TGRAN64_2>(2).raw;
    const R o = R::of(id_register_with_el2(SysReg::ID_AA64MMFR0_EL1, odd, odd));
    EXPECT_EQ(o.get<R::TGRAN4_2>(), 1u);
    EXPECT_EQ(o.get<R::TGRAN64_2>(), 2u);
    EXPECT_EQ(R::of(id_register_with_el2(SysReg::ID_AA64MMFR0_EL1, 0, 0)).get<R::FGT>(), 0u);
}

TEST(IdRegisters, WhatEl2TakesAway) {
    using M1 = arch::ID_AA64MMFR1_EL1;
    using M2 = arch::ID_AA64MMFR2_EL1;
    const M1 m1 = M1::of(id_register_with_el2(SysReg::ID_AA64MMFR1_EL1, ~u64{0}, ~u64{0}));
    EXPECT_EQ(m1.get<M1::TWED>(), 0u);
    EXPECT_EQ(m1.get<M1::HAFDBS>(), 2u);
    EXPECT_EQ(m1.get<M1::VH>(), 1u);
    EXPECT_EQ(m1.get<M1::XNX>(), 0xfu);
    const M2 m2 = M2::of(id_register_with_el2(SysReg::ID_AA64MMFR2_EL1, ~u64{0}, ~u64{0}));
    EXPECT_EQ(m2.get<M2::NV>(), 0u);
    EXPECT_EQ(m2.get<M2::TTL>(), 1u);
    EXPECT_EQ(m2.get<M2::BBM>(), 0u);
    EXPECT_EQ(m2.raw >> 44 & 0xf, 0u);
    EXPECT_EQ(m2.get<M2::EVT>(), 0xfu);
    EXPECT_EQ(id_register_with_el2(SysReg::ID_AA64ISAR1_EL1, ~u64{0}, ~u64{0}), 0x0fff'f0ff'ffff'ffffu);
    EXPECT_EQ(id_register_with_el2(SysReg::ID_AA64DFR0_EL1, ~u64{0}, 0xf9f0'f0f6), 0x09f0'f0f6u);
}

struct FakeIds {
    std::map<SysReg, u64> values;
    template <typename R>
    R get() const {
        const auto i = values.find(R::kReg);
        return R::of(i == values.end() ? 0 : i->second);
    }
};

TEST(FeaturesOf, FromTheIdRegisters) {
    FakeIds ids;
    EXPECT_TRUE(features_of(ids).has(Feature::kE2h0));
    EXPECT_FALSE(features_of(ids).has(Feature::kNv1)) << "without NV2";
    ids.values[SysReg::ID_AA64MMFR4_EL1] = u64{1} << 20;
    EXPECT_TRUE(features_of(ids).has(Feature::kNv1));
    ids.values[SysReg::ID_AA64MMFR4_EL1] = u64{1} << 20 | u64{0xf} << 24;
    EXPECT_TRUE(features_of(ids).has(Feature::kNv1)) << "no E2H 0, but NV1";
    EXPECT_FALSE(features_of(ids).has(Feature::kE2h0));
    ids.values[SysReg::ID_AA64MMFR4_EL1] = u64{1} << 20 | u64{0xe} << 24;
    EXPECT_FALSE(features_of(ids).has(Feature::kNv1));
    ids.values[SysReg::ID_AA64MMFR4_EL1] = u64{0xe} << 24;
    EXPECT_EQ(features_of(ids).bits & ~(u64{1} << static_cast<unsigned>(Feature::kDoubleLock)), 1u) << "kAlways alone";
    ids.values[SysReg::ID_AA64DFR0_EL1] = u64{0xf} << 36;
    EXPECT_FALSE(features_of(ids).has(Feature::kDoubleLock));
    ids.values[SysReg::ID_AA64ISAR0_EL1] = u64{1} << 56;
    EXPECT_TRUE(features_of(ids).has(Feature::kTlbiOs));
    EXPECT_FALSE(features_of(ids).has(Feature::kTlbiRange));
    ids.values[SysReg::ID_AA64ISAR1_EL1] = u64{5} << 4;
    EXPECT_TRUE(features_of(ids).has(Feature::kPauth));
    EXPECT_EQ(features_of(ids).pac, Pac::kFaultCombined);
    ids.values[SysReg::ID_AA64MMFR4_EL1] = u64{1} << 20;
    EXPECT_TRUE(features_of(ids).has(Feature::kNv2));
    ids.values[SysReg::ID_AA64PFR0_EL1] = u64{1} << 28;
    EXPECT_FALSE(features_of(ids).has(Feature::kRasV1p1));
    ids.values[SysReg::ID_AA64PFR1_EL1] = u64{1} << 12;
    EXPECT_TRUE(features_of(ids).has(Feature::kRasV1p1));
    ids.values[SysReg::ID_AA64DFR0_EL1] |= u64{0xf} << 8;
    EXPECT_FALSE(features_of(ids).has(Feature::kPmu)) << "IMPLEMENTATION DEFINED";
}

}  // namespace
}  // namespace nest::nested
