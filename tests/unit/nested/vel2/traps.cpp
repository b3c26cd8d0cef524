// SPDX-License-Identifier: GPL-2.0-only
// The trap controls of virtual EL2 and of L2.
#include <nested/vel2/trap_merge.hpp>
#include <tests/unit/nested/vel2/fixture.hpp>
#include <vhe/breakpoint_bank.hpp>

namespace nest::nested {
namespace {

using H = arch::HCR_EL2;
using M = arch::MDCR_EL2;
using C = arch::CPTR_EL2;

struct TrapMerge : Vel2Test {
    vhe::TrapConfig vel2(DebugTraps d = DebugTraps::kNone, bool fgt = true) {
        return vel2_traps(ours, {.e2h = true, .nv2 = config.nv2}, d, fgt);
    }
    vhe::TrapConfig l2() { return l2_traps(ours, config, file, true); }
};

TEST_F(TrapMerge, Vel2HasNvAndTrapsWhatTgeHides) {
    const u64 added = H::mask<H::NV, H::NV2, H::AT, H::TTLB>();
    EXPECT_EQ(vel2().hcr.raw, ours.hcr.raw | added);
    EXPECT_TRUE(vel2().cptr.get<C::TCPAC>());
    EXPECT_EQ(vel2_traps(ours, {.e2h = false}, DebugTraps::kNone, true).hcr.raw, ours.hcr.raw | added | H::NV1::kMask);
}

TEST_F(TrapMerge, Vel2WithoutNv2) {
    const Config v83(every_feature(), false);
    const auto t = vel2_traps(ours, {.nv2 = v83.nv2}, DebugTraps::kNone, true);
    EXPECT_FALSE(t.hcr.get<H::NV2>());
    EXPECT_TRUE(t.hcr.get<H::NV>());
    EXPECT_TRUE(t.mdcr.get<M::TDA>()) << "without NV2 an untrapped MDSCR_EL1 would be hardware's";
}

TEST_F(TrapMerge, Vel2IgnoresL1sOwnControls) {
    l1(SysReg::HCR_EL2, ~u64{0});
    l1(SysReg::HFGRTR_EL2, ~u64{0});
    EXPECT_EQ(vel2().hfgrtr, ours.hfgrtr);
    EXPECT_FALSE(vel2().hcr.get<H::TVM>());
}

TEST_F(TrapMerge, MdscrIsFreeOnlyWhileNothingIsArmed) {
    EXPECT_FALSE(vel2().mdcr.get<M::TDA>());
    EXPECT_TRUE(vel2().mdcr.get<M::TDCC>());
    EXPECT_EQ(vel2().hdfgwtr.raw & 0x1f, 0xfu) << "breakpoints trap, MDSCR_EL1 does not";
    EXPECT_EQ(vel2(DebugTraps::kMdscrWrites).hdfgwtr.raw & 0x1f, 0x1fu);
    EXPECT_EQ(vel2(DebugTraps::kMdscrWrites).hdfgrtr.raw & 0x10, 0u);
    EXPECT_TRUE(vel2(DebugTraps::kAll).mdcr.get<M::TDA>());
    EXPECT_TRUE(vel2(DebugTraps::kNone, false).mdcr.get<M::TDA>()) << "no FEAT_FGT";
    ours.mdcr = ours.mdcr.with<M::TDE>(1);
    EXPECT_TRUE(vel2().mdcr.get<M::TDA>()) << "the VMM debugs";
}

TEST_F(TrapMerge, WhatMakesDebugRegistersTrap) {
    using MD = arch::MDSCR_EL1;
    EXPECT_EQ(debug_traps_for(false, MD{}.with<MD::MDE>(1).with<MD::SS>(1), false, true), DebugTraps::kNone);
    EXPECT_EQ(debug_traps_for(false, MD{}.with<MD::KDE>(1).with<MD::SS>(1), false, true), DebugTraps::kMdscrWrites);
    EXPECT_EQ(debug_traps_for(false, {}, true, true), DebugTraps::kAll);
    EXPECT_EQ(debug_traps_for(false, {}, false, false), DebugTraps::kMdscrWrites) << "it may step itself at any moment";
    EXPECT_EQ(debug_traps_for(true, {}, false, true), DebugTraps::kMdscrWrites);
}

TEST(BreakpointBank, EnabledIsAnyOfTheControls) {
    vhe::BreakpointBank bank{};
    bank.bvr[0] = bank.wvr[15] = ~u64{0};
    bank.bcr[3] = 0x1e4;
    EXPECT_FALSE(bank.any_enabled());
    bank.wcr[15] = 1;
    EXPECT_TRUE(bank.any_enabled());
    bank.wcr[15] = 0;
    bank.bcr[0] = 1;
    EXPECT_TRUE(bank.any_enabled());
}

// What each bit of L1's HCR_EL2 may do to the hardware that L2 runs on, and why the host can bear it.
constexpr u64 kTrapsMore = H::mask<H::TID4, H::TTLBOS, H::TTLBIS, H::TOCU, H::TICAB, H::AT, H::TEA, H::TERR, H::TLOR, H::TRVM,
                                   H::TDZ, H::TVM, H::TTLB, H::TPU, H::TPCP, H::TSW, H::TACR, H::TIDCP, H::TSC, H::TID3,
                                   H::TID2, H::TID1, H::TWE, H::TWI>();  // an exit, which route() gives to L1
constexpr u64 kBroadens = H::mask<H::FB, H::BSU>();  // L2's own barriers and maintenance reach further
constexpr u64 kRestricts = H::PTW::kMask;            // L2's walks through Device memory fault
constexpr u64 kRegime = H::DC::kMask;                // L2's stage 1 is off, and Write-Back: as cacheable as ours
constexpr u64 kZeroTraps = H::mask<H::API, H::APK>();
constexpr u64 kPendings = H::mask<H::VI, H::VF, H::VSE>();  // L2's own, and only beside their routing: see below
constexpr u64 kHypervisors = H::mask<H::NV, H::NV2>();      // NV: more traps; NV2 follows the page: vncr.cpp
constexpr u64 kRouting = H::mask<H::AMO, H::IMO, H::FMO>();  // ours, set in any case
// Never L1's to decide: whose regime and stage 2 is in force, how its attributes combine, whether caches are used and are
// coherent, what the hardware does with features that nobody is shown.
constexpr u64 kKeptAway = H::mask<H::TGE, H::E2H, H::RW, H::SWIO, H::VM, H::FWB, H::CD, H::ID, H::MIOCNCE, H::NV1, H::HCD, H::TID0,
                                  H::FIEN, H::AMVOFFEN, H::EnSCXT, H::ATA, H::DCT, H::TID5, H::TWEDEn, H::TWEDEL>();
constexpr u64 kUnnamed = u64{1} << 39 | u64{1} << 48;  // TME, GPF: no VM has them
static_assert((kTrapsMore ^ kBroadens ^ kRestricts ^ kRegime ^ kZeroTraps ^ kPendings ^ kHypervisors ^ kRouting ^ kKeptAway ^
               kUnnamed) == ~u64{0}, "each bit has one place");

TEST_F(TrapMerge, EachHcrBit) {
    const u64 either = kTrapsMore | kBroadens | kRestricts | kRegime;
    l1(SysReg::HCR_EL2, kZeroTraps);
    const u64 without = l2().hcr.raw;
    EXPECT_EQ(without, ours.hcr.raw);
    for (unsigned i = 0; i < 64; i++) {
        const u64 bit = u64{1} << i;
        if (bit & (kZeroTraps | H::NV::kMask))
            continue;
        l1(SysReg::HCR_EL2, kZeroTraps | bit);
        EXPECT_EQ(l2().hcr.raw, without | (bit & either)) << i;
    }
    l1(SysReg::HCR_EL2, kZeroTraps | H::NV::kMask);
    EXPECT_EQ(l2().hcr.raw, without | H::NV::kMask);
    l1(SysReg::HCR_EL2, H::API::kMask);
    EXPECT_EQ(l2().hcr.raw, without & ~H::APK::kMask) << "0 traps";
    l1(SysReg::HCR_EL2, ~u64{0});
    EXPECT_EQ(l2().hcr.raw & (kKeptAway | kUnnamed), ours.hcr.raw & (kKeptAway | kUnnamed));
}

// FnXS and FGTnXS: L2's own DSBs and TLBIs wait for less; MCE2 takes exceptions away. No feature is switched on that we have not.
TEST_F(TrapMerge, EachHcrxBit) {
    for (unsigned i = 0; i < 64; i++) {
        l1(SysReg::HCRX_EL2, u64{1} << i);
        EXPECT_EQ(l2().hcrx.raw, ours.hcrx.raw | ((u64{1} << i) & 0x418)) << i;
    }
}

TEST_F(TrapMerge, L2CopiesIfBothAllowIt) {
    using X = arch::HCRX_EL2;
    for (const u64 we : {u64{0}, X::MSCEn::kMask})
        for (const u64 l1s : {u64{0}, X::MSCEn::kMask}) {
            ours.hcrx.raw = we;
            l1(SysReg::HCRX_EL2, l1s);
            EXPECT_EQ(l2().hcrx.raw, we & l1s);
        }
}

TEST_F(TrapMerge, VirtualInterruptsNeedTheirRouting) {
    const std::pair<u64, u64> pairs[] = {{H::VI::kMask, H::IMO::kMask}, {H::VF::kMask, H::FMO::kMask},
                                         {H::VSE::kMask, H::AMO::kMask}};
    for (auto [bit, routing] : pairs) {
        l1(SysReg::HCR_EL2, bit);
        EXPECT_FALSE(l2().hcr.raw & bit);
        l1(SysReg::HCR_EL2, bit | routing);
        EXPECT_TRUE(l2().hcr.raw & bit);
    }
}

TEST_F(TrapMerge, OthersAddUp) {
    l1(SysReg::MDCR_EL2, ~u64{0});
    l1(SysReg::CPTR_EL2, C::TCPAC::kMask | C::FPEN::kMask);
    l1(SysReg::HFGRTR_EL2, ~u64{0});
    l1(SysReg::HFGITR_EL2, u64{1} << 51);
    l1(SysReg::HCRX_EL2, ~u64{0});
    ours.hfgrtr.raw = 0xc000'0000;
    const auto t = l2();
    EXPECT_TRUE(t.mdcr.get<M::TDE>());
    EXPECT_EQ(t.mdcr.get<M::E2PB>(), 0u) << "the profiling buffer stays ours";
    EXPECT_EQ(t.mdcr.get<M::HPMN>(), 0u);
    EXPECT_EQ(t.mdcr.get<M::HPME>(), 0u);
    EXPECT_TRUE(t.cptr.get<C::TCPAC>());
    EXPECT_EQ(t.cptr.get<C::FPEN>(), 0u) << "the switch opens it";
    EXPECT_EQ(t.hfgrtr.raw & 0xc000'0000, 0xc000'0000u);
    EXPECT_EQ(t.hfgrtr.raw >> 50, 0u) << "bits where 0 traps stay 0";
    EXPECT_EQ(t.hfgitr.raw, u64{1} << 51);
    EXPECT_EQ(t.hcrx.raw, 0x418u);
}

TEST_F(TrapMerge, AVmWithoutFgtHasNoFineGrainedTraps) {
    Features f = every_feature();
    f.set(Feature::kFgt, false);
    const Config plain(f, true);
    l1(SysReg::HFGRTR_EL2, ~u64{0});
    EXPECT_EQ(l2_traps(ours, plain, file, true).hfgrtr, ours.hfgrtr) << "what hardware let L1 store there means nothing";
}

}  // namespace
}  // namespace nest::nested
