// SPDX-License-Identifier: GPL-2.0-only
// L2 as a hypervisor itself: what NV2 redirects, how translations of L1's VNCR_EL2 are kept, and when hardware uses them.
#include <nested/cpu/trap_routing.hpp>
#include <nested/cpu/vncr_access.hpp>
#include <tests/unit/nested/vel2/fixture.hpp>

namespace nest::nested {
namespace {

using H = arch::HCR_EL2;
using arch::encoding_of;
using vncr::PageName;
using vncr::Translation;
using vncr::Translations;

s16 offset_of(SysReg name) {
    const SysReg reg = vncr_register(encoding_of(name));
    return reg == SysReg::kCount ? s16{-1} : arch::info(reg).vncr;
}

// [DDI0487] D8.11, the table of NV2's redirections.
TEST(VncrAccess, WhatIsMemory) {
    EXPECT_EQ(offset_of(SysReg::HCR_EL2), 0x078);
    EXPECT_EQ(offset_of(SysReg::VTTBR_EL2), 0x020);
    EXPECT_EQ(offset_of(SysReg::TPIDR_EL2), 0x090);
    EXPECT_EQ(offset_of(SysReg::VNCR_EL2), 0x0b0);
    EXPECT_EQ(offset_of(SysReg::SP_EL1), 0x240);
    EXPECT_EQ(offset_of(SysReg::ICH_LR15_EL2), 0x478);
    EXPECT_EQ(offset_of(SysReg::SCTLR_EL12), 0x110);
    EXPECT_EQ(offset_of(SysReg::SPSR_EL12), 0x160);
    EXPECT_EQ(offset_of(SysReg::CNTV_CTL_EL02), 0x170);
    EXPECT_EQ(offset_of(SysReg::CNTP_CVAL_EL02), 0x178);
    EXPECT_EQ(offset_of(SysReg::MDSCR_EL1), 0x158);
    EXPECT_EQ(offset_of(SysReg::ACTLR_EL1), 0x118);
}

TEST(VncrAccess, WhatIsNot) {
    for (SysReg r : {SysReg::SCTLR_EL2, SysReg::CNTHCTL_EL2, SysReg::HPFAR_EL2, SysReg::MDCR_EL2, SysReg::ICH_MISR_EL2,
                     SysReg::CNTKCTL_EL12, SysReg::CNTV_TVAL_EL02, SysReg::CNTHP_CTL_EL2, SysReg::ICC_SRE_EL2,
                     SysReg::SCTLR_EL1, SysReg::TPIDR_EL1, SysReg::SPSR_EL1, SysReg::ELR_EL2})
        EXPECT_EQ(offset_of(r), -1) << arch::name_of(r);
}

TEST(VncrAccess, Aliases) {
    EXPECT_EQ(vncr_alias(encoding_of(SysReg::ELR_EL2)), SysReg::ELR_EL1);
    EXPECT_EQ(vncr_alias(encoding_of(SysReg::SPSR_EL2)), SysReg::SPSR_EL1);
    EXPECT_EQ(vncr_alias(encoding_of(SysReg::ESR_EL2)), SysReg::ESR_EL1);
    EXPECT_EQ(vncr_alias(encoding_of(SysReg::FAR_EL2)), SysReg::FAR_EL1);
    EXPECT_EQ(vncr_alias(encoding_of(SysReg::VBAR_EL2)), SysReg::kCount);
}

// ---- the small TLB

PageName name(u64 va, u16 asid = 1) { return {va, asid, false, false}; }
Translation translation(u64 va, u16 asid = 1, bool global = false, u8 shift = 12) {
    Translation t;
    t.name = name(va, asid);
    t.global = global;
    t.writable = true;
    t.shift = shift;
    t.gfn = va >> 12;
    return t;
}

struct TranslationsTest : testing::Test {
    Translations all;
    u8 pages[8] = {};
};

TEST_F(TranslationsTest, FoundByEverythingThatNamesThem) {
    all.enter(translation(0x1000), &pages[0]);
    EXPECT_EQ(all.find(name(0x1000)).bytes, &pages[0]);
    EXPECT_FALSE(all.find(name(0x2000)));
    EXPECT_FALSE(all.find(name(0x1000, 2)));
    EXPECT_FALSE(all.find({0x1000, 1, true, false}));
    EXPECT_FALSE(all.find({0x1000, 1, false, true}));
    all.enter(translation(0x3000, 1, true), &pages[1]);
    EXPECT_EQ(all.find(name(0x3000, 9)).bytes, &pages[1]) << "global";
}

TEST_F(TranslationsTest, TheSameNameIsOneEntry) {
    for (unsigned i = 0; i < 2 * Translations::kCount; i++)
        all.enter(translation(0x1000), &pages[i % 8]);
    EXPECT_EQ(all.find(name(0x1000)).bytes, &pages[(2 * Translations::kCount - 1) % 8]);
    EXPECT_EQ(all.drop([](const Translation&) { return true; }), 1u);
    EXPECT_FALSE(all.find(name(0x1000)));
}

TEST_F(TranslationsTest, TheOldestMakesRoom) {
    for (u64 i = 0; i <= Translations::kCount; i++)
        all.enter(translation(0x1000 * (i + 1)), &pages[i]);
    EXPECT_FALSE(all.find(name(0x1000)));
    for (u64 i = 1; i <= Translations::kCount; i++)
        EXPECT_EQ(all.find(name(0x1000 * (i + 1))).bytes, &pages[i]);
}

TEST_F(TranslationsTest, HardwareWritesOnlyWhereL1MayAndInItsByteOrder) {
    Translation t = translation(0x1000);
    EXPECT_TRUE(all.enter(t, &pages[0]).direct());
    t.writable = false;
    EXPECT_FALSE(all.enter(t, &pages[0]).direct());
    t.writable = t.name.big_endian = true;
    EXPECT_FALSE(all.enter(t, &pages[0]).direct());
    EXPECT_FALSE(vncr::Page{}.direct());
}

// ---- which TLBI names which

TlbiOp op(TlbiScope scope, u64 start = 0, u16 asid = 0, u64 size = 0) {
    TlbiOp o{};
    o.scope = scope;
    o.regime = Regime::kEl20;
    o.start = start;
    o.asid = asid;
    o.size = size;
    return o;
}

TEST(VncrTlbi, ByScope) {
    const Translation t = translation(0x20'3000, 5), global = translation(0x20'3000, 5, true);
    EXPECT_TRUE(names_translation(op(TlbiScope::kStage1), t));
    EXPECT_TRUE(names_translation(op(TlbiScope::kAsid, 0, 5), t));
    EXPECT_FALSE(names_translation(op(TlbiScope::kAsid, 0, 6), t));
    EXPECT_FALSE(names_translation(op(TlbiScope::kAsid, 0, 5), global)) << "[DDI0487] D8.16: not global ones";
    EXPECT_TRUE(names_translation(op(TlbiScope::kVa, 0x20'3000, 5), t));
    EXPECT_FALSE(names_translation(op(TlbiScope::kVa, 0x20'3000, 6), t));
    EXPECT_TRUE(names_translation(op(TlbiScope::kVa, 0x20'3000, 6), global));
    EXPECT_TRUE(names_translation(op(TlbiScope::kVaAllAsids, 0x20'3000, 6), t));
    EXPECT_FALSE(names_translation(op(TlbiScope::kVa, 0x20'4000, 5), t));
    EXPECT_FALSE(names_translation(op(TlbiScope::kVa, 0x20'2000, 5), t));
}

TEST(VncrTlbi, ByRange) {
    const Translation t = translation(0x20'3000, 5);
    EXPECT_TRUE(names_translation(op(TlbiScope::kVa, 0x20'0000, 5, 0x4000), t));
    EXPECT_FALSE(names_translation(op(TlbiScope::kVa, 0x20'0000, 5, 0x3000), t));
    EXPECT_FALSE(names_translation(op(TlbiScope::kVa, 0x20'4000, 5, 0x3000), t));
    EXPECT_TRUE(names_translation(op(TlbiScope::kVa, ~u64{0xfff}, 5, 0x1000), translation(~u64{0xfff}, 5)));
}

// With FEAT_LPA2 the base of a range may be in units of 64 KiB: whichever it is, the translation goes.
TEST(VncrTlbi, ByRangeOfEitherUnit) {
    const Translation t = translation(0x203'0000, 5);
    TlbiOp o = op(TlbiScope::kVa, 0x20'3000, 5, 0x2000);
    EXPECT_FALSE(names_translation(o, t));
    o.range = true;
    o.granule_bits = 12;
    EXPECT_TRUE(names_translation(o, t));
    EXPECT_TRUE(names_translation(o, translation(0x20'4000, 5)));
    EXPECT_FALSE(names_translation(o, translation(0x204'0000, 5)));
}

// CVE-2026-89775: the size that a translation was made with must not get lost on the way to its invalidation.
TEST(VncrTlbi, AnyAddressOfTheLeafWillDo) {
    for (const u8 shift : {14, 16, 21, 25, 29, 30}) {
        const u64 base = u64{1} << 40, span = u64{1} << shift;
        const Translation t = translation(base + span / 2 + 0x1000, 5, false, shift);
        for (const u64 at : {base, base + span - 0x1000, base + span / 2}) {
            EXPECT_TRUE(names_translation(op(TlbiScope::kVa, at, 5), t)) << int{shift};
            EXPECT_TRUE(names_translation(op(TlbiScope::kVaAllAsids, at), t)) << int{shift};
        }
        EXPECT_FALSE(names_translation(op(TlbiScope::kVa, base - 0x1000, 5), t)) << int{shift};
        EXPECT_FALSE(names_translation(op(TlbiScope::kVa, base + span, 5), t)) << int{shift};
        EXPECT_TRUE(names_translation(op(TlbiScope::kVa, base - 0x1000, 5, 0x2000), t)) << int{shift};
    }
}

// ---- routing, and what the hardware gets

struct VncrWorldTest : Vel2Test {
    static constexpr u64 kVa = 0xffff'8000'1234'5000;
    alignas(4096) u8 page[4096] = {};

    void SetUp() override {
        l1(SysReg::SCTLR_EL2, 1);
        cpu.registers[SysReg::SCTLR_EL12] = 1;  // the same one, while virtual EL2 runs
        l1(SysReg::VNCR_EL2, kVa);
        add_hcr(H::mask<H::NV, H::NV2>());
    }
    Route sysreg(SysReg name, bool is_read = false) { return route(v, sysreg_esr(encoding_of(name), is_read)); }
    void know_page(bool writable = true) {
        Translation t = translation(kVa, 0, true);
        t.writable = writable;
        v.vncr->enter(t, page);
    }
    u64 nv() { return hardware(SysReg::HCR_EL2) & H::mask<H::NV, H::NV1, H::NV2>(); }
};

TEST_F(VncrWorldTest, PageNames) {
    PageName n = vncr_page_name(v);
    EXPECT_EQ(n.va, kVa);
    EXPECT_FALSE(n.mmu_off);
    EXPECT_FALSE(n.big_endian);
    l1(SysReg::TTBR0_EL2, u64{0x1234} << 48);
    l1(SysReg::TTBR1_EL2, u64{0x5678} << 48);
    EXPECT_EQ(vncr_page_name(v).asid, 0x34) << "TCR_EL2.AS clear: 8 bits";
    l1(SysReg::TCR_EL2, u64{1} << 36 | u64{1} << 22);
    EXPECT_EQ(vncr_page_name(v).asid, 0x5678) << "A1";
    l1(SysReg::SCTLR_EL2, u64{1} << 25);
    n = vncr_page_name(v);
    EXPECT_TRUE(n.mmu_off);
    EXPECT_TRUE(n.big_endian);
    l1(SysReg::VNCR_EL2, 0x00ff'8000'1234'5fff);
    EXPECT_EQ(vncr_page_name(v).va, kVa) << "RESS and RES0";
}

TEST_F(VncrWorldTest, RoutesOfAHypervisorInL2) {
    v.set_world(World::kL2);
    context.pstate = arch::kModeEL1h;
    for (SysReg r : {SysReg::HCR_EL2, SysReg::TTBR0_EL12, SysReg::CNTV_CTL_EL02, SysReg::ELR_EL2, SysReg::MDSCR_EL1,
                     SysReg::ICH_HCR_EL2, SysReg::SP_EL1, SysReg::ACTLR_EL1})
        EXPECT_EQ(sysreg(r), Route::kVncr) << arch::name_of(r);
    for (SysReg r : {SysReg::SCTLR_EL2, SysReg::HPFAR_EL2, SysReg::CNTV_TVAL_EL02, SysReg::ICH_MISR_EL2})
        EXPECT_EQ(sysreg(r), Route::kForward) << arch::name_of(r);
    l1(SysReg::CNTHCTL_EL2, arch::CNTHCTL_EL2::EL1NVVCT::kMask);
    EXPECT_EQ(sysreg(SysReg::CNTV_CTL_EL02), Route::kForward);
    EXPECT_EQ(sysreg(SysReg::CNTP_CTL_EL02), Route::kVncr);
    l1(SysReg::CNTHCTL_EL2, arch::CNTHCTL_EL2::EL1NVPCT::kMask);
    EXPECT_EQ(sysreg(SysReg::CNTP_CTL_EL02, true), Route::kForward);
    l1(SysReg::MDCR_EL2, arch::MDCR_EL2::TDA::kMask);
    EXPECT_EQ(sysreg(SysReg::MDSCR_EL1), Route::kForward) << "L1's trap comes before the redirection";
}

TEST_F(VncrWorldTest, WithoutAPageItTraps) {
    enter_guest();
    EXPECT_EQ(nv(), H::NV::kMask);
    EXPECT_EQ(hardware(SysReg::VNCR_EL2), reinterpret_cast<u64>(file.page()));
}

TEST_F(VncrWorldTest, WithAPageHardwareGoesThere) {
    know_page();
    enter_guest();
    EXPECT_EQ(nv(), (H::mask<H::NV, H::NV2>()));
    EXPECT_EQ(hardware(SysReg::VNCR_EL2), reinterpret_cast<u64>(page));
    switch_to_vel2(cpu, v, args());
    EXPECT_EQ(hardware(SysReg::VNCR_EL2), reinterpret_cast<u64>(file.page())) << "L1's own must be back";
}

TEST_F(VncrWorldTest, NotWhereItMayNotWrite) {
    know_page(false);
    enter_guest();
    EXPECT_EQ(nv(), H::NV::kMask);
}

// A page that is dropped between two entries is not used by the second; and each switch looks at L1's registers anew.
TEST_F(VncrWorldTest, ADroppedPageIsNotLoadedAgain) {
    know_page();
    enter_guest();
    switch_to_vel2(cpu, v, args());
    v.vncr->drop([](const Translation&) { return true; });
    switch_to_l2(cpu, v, args());
    EXPECT_EQ(nv(), H::NV::kMask);
    switch_to_vel2(cpu, v, args());
    know_page();
    switch_to_l2(cpu, v, args());
    EXPECT_EQ(nv(), (H::mask<H::NV, H::NV2>()));
    switch_to_vel2(cpu, v, args());
    l1(SysReg::VNCR_EL2, kVa + 0x1000);
    switch_to_l2(cpu, v, args());
    EXPECT_EQ(nv(), H::NV::kMask);
}

// The vCPU comes onto another CPU, or is asked to look again, while it is in L2.
TEST_F(VncrWorldTest, ALoadLooksAtThePageToo) {
    know_page();
    enter_guest();
    load_world(cpu, v, sources());
    EXPECT_EQ(hardware(SysReg::VNCR_EL2), reinterpret_cast<u64>(page));
    EXPECT_TRUE(v.traps().hcr.get<H::NV2>());
    v.vncr->drop([](const Translation&) { return true; });
    load_world(cpu, v, sources());
    EXPECT_EQ(hardware(SysReg::VNCR_EL2), reinterpret_cast<u64>(file.page()));
    EXPECT_FALSE(v.traps().hcr.get<H::NV2>());
    EXPECT_TRUE(v.traps().hcr.get<H::NV>());
}

}  // namespace
}  // namespace nest::nested
