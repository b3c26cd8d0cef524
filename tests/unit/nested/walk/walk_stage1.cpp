// SPDX-License-Identifier: GPL-2.0-only
#include <gtest/gtest.h>
#include <map>
#include <nested/walk/walk_stage1.hpp>

namespace {
using namespace nest;
using namespace nest::nested;

struct Memory {
    std::map<u64, u64> words;
    unsigned reads = 0;
    Word read(arch::Ipa at) {
        reads++;
        auto w = words.find(at.raw);
        return {Access::kDone, w == words.end() ? 0 : w->second};
    }
    Access exchange(arch::Ipa at, u64 expected, u64 desired) {
        if (words[at.raw] != expected)
            return Access::kChanged;
        words[at.raw] = desired;
        return Access::kDone;
    }
};

constexpr u64 kTable = 3, kPage = 3, kAf = 1 << 10, kEl0 = 1 << 6, kRo = 1 << 7, kUxn = u64{1} << 54, kPxn = u64{1} << 53;
constexpr u64 kTcr = u64{5} << 32 | u64{2} << 30 | 16 << 16 | 16;  // IPS 48, TG1 4K, 48 bits each

struct Stage1Walk : testing::Test {
    Memory m;
    MmuFeatures vm;
    Stage1Registers regs;
    const Stage2Regime* stage2 = nullptr;
    void SetUp() override {
        vm.stage1_granules = vm.stage2_granules = 7;
        regs.ttbr0 = 0x10000 | u64{0x1234} << 48;
        regs.ttbr1 = 0x20000;
        regs.tcr = kTcr;
        regs.sctlr = 1;
        regs.mair = 0x0000'0000'0044'00ff;  // 0 Write-Back, 1 Device, 2 Non-cacheable
        for (u64 root : {0x10000, 0x20000}) {
            m.words[root + (root == 0x20000 ? 8 * 511 : 0)] = (root + 0x1000) | kTable;
            m.words[root + 0x1000] = (root + 0x2000) | kTable;
            m.words[root + 0x2000] = (root + 0x3000) | kTable;
        }
        set(0x8000'0000 | kPage | kAf);
    }
    void set(u64 descriptor) { m.words[0x13000 + 8 * 5] = m.words[0x23000 + 8 * 5] = descriptor; }
    Stage1Result walk(u64 va = 0x5678, Stage1Access a = {}) {
        a.va = va;
        return walk_stage1(regs, stage1_regime(regs, va, a.el0, vm), m, stage2, a);
    }
    static constexpr u64 kHigh = 0xffff'ff80'0000'5678;
};

TEST_F(Stage1Walk, BothRanges) {
    Stage1Result r = walk();
    EXPECT_EQ(r.status, WalkStatus::kTranslated);
    EXPECT_EQ(r.output, 0x8000'0678u);
    EXPECT_EQ(r.attr, 0xff);
    EXPECT_EQ(r.shift, 12);
    EXPECT_EQ(r.asid, 0x34);
    EXPECT_TRUE(r.global);
    EXPECT_EQ(walk(kHigh).output, 0x8000'0678u);
    vm.asid16 = true;
    regs.tcr |= u64{1} << 36;
    set(0x8000'0000 | kPage | kAf | 1 << 11);
    r = walk();
    EXPECT_EQ(r.asid, 0x1234);
    EXPECT_FALSE(r.global);
}

TEST_F(Stage1Walk, AddressesOutside) {
    EXPECT_EQ(walk(u64{1} << 48).fsc, 0x04);
    EXPECT_EQ(walk(0xfffe'ffff'ffff'0000).fsc, 0x04);
    EXPECT_EQ(walk(0x5a00'0000'0000'5678).fsc, 0x04);
    regs.tcr |= u64{1} << 37;
    EXPECT_EQ(walk(0x5a00'0000'0000'5678).status, WalkStatus::kTranslated) << "TBI0";
    EXPECT_EQ(walk(0x5aff'ff80'0000'5678).fsc, 0x04) << "TBI0 is not TBI1";
    regs.tcr |= u64{1} << 38;
    EXPECT_EQ(walk(0x5aff'ff80'0000'5678).status, WalkStatus::kTranslated);
    regs.tcr |= 1 << 7;
    EXPECT_EQ(walk().fsc, 0x04) << "EPD0";
    EXPECT_EQ(walk(kHigh).status, WalkStatus::kTranslated);
    for (unsigned t0sz = 0; t0sz < 64; t0sz++) {
        regs.tcr = (kTcr & ~u64{63}) | t0sz;
        const bool legal = t0sz >= 16 && t0sz <= 39;
        EXPECT_EQ(stage1_regime(regs, 0, false, vm).fsc == Stage1Regime::kNoFault, legal) << t0sz;
    }
}

// FEAT_LPA2: 52 bits of VA by five levels of 4 KiB tables.
TEST_F(Stage1Walk, Lpa2) {
    constexpr u64 kDs = u64{1} << 59, kVa = u64{3} << 48 | 0x5678, kOuter = 2 << 12;
    regs.tcr = (kTcr & ~u64{63}) | 12 | kDs | kOuter;
    EXPECT_EQ(walk(kVa).fsc, 0x04) << "DS is RES0";
    vm.stage1_lpa2 = granule_bit(k4K);
    EXPECT_EQ(walk(kVa).fsc, 0x2b) << "translation fault, level -1";
    m.words[0x10000 + 8 * 3] = 0x11000 | kTable;  // what was level 0 is level -1 now
    m.words[0x11000] = 0x12000 | kTable;
    m.words[0x12000] = 0x12800 | kTable;  // RES0 below the granule
    m.words[0x12000 + 8] = u64{1} << 30 | 1 | kAf | 1 << 8;
    m.words[0x11000 + 8] = u64{5} << 39 | 1 | kAf;
    m.words[0x11000 + 16] = u64{2} << 30 | 1 | kAf;
    Stage1Result r = walk(kVa + (u64{1} << 39));
    EXPECT_EQ(r.status, WalkStatus::kTranslated);
    EXPECT_EQ(r.shift, 39);
    EXPECT_EQ(r.output, (u64{5} << 39) + 0x5678);
    EXPECT_EQ(r.sh, 2) << "TCR.SH0";
    EXPECT_EQ(walk(kVa + (u64{1} << 30)).fsc, 0x01) << "bit 50 of the output, of a block at level 1";
    m.words[0x10000 + 8 * 3] = u64{1} << 49 | kTable;
    EXPECT_EQ(walk(kVa).fsc, 0x29) << "address size fault, level -1";
    for (unsigned t0sz = 0; t0sz < 64; t0sz++) {
        regs.tcr = (kTcr & ~u64{63}) | t0sz | kDs;
        EXPECT_EQ(stage1_regime(regs, 0, false, vm).fsc == Stage1Regime::kNoFault, t0sz >= 12 && t0sz <= 39) << t0sz;
    }
}

TEST_F(Stage1Walk, Lpa2WithoutMemoryForTheFirstTable) {
    vm.stage1_lpa2 = granule_bit(k4K);
    regs.tcr = (kTcr & ~u64{63}) | 12 | u64{1} << 59;
    struct Nothing : Memory {
        Word read(arch::Ipa) { return {Access::kNone}; }
    } nothing;
    EXPECT_EQ(walk_stage1(regs, stage1_regime(regs, 0, false, vm), nothing, nullptr, {}).fsc, 0x13) << "level -1";
}

TEST_F(Stage1Walk, MmuOff) {
    regs.sctlr = 0;
    Stage1Result r = walk(0x1'2345'6789);
    EXPECT_EQ(r.output, 0x1'2345'6789u);
    EXPECT_EQ(r.attr, 0);
    EXPECT_EQ(walk(u64{1} << 50).fsc, 0x00) << "address size fault";
    regs.default_cacheable = regs.off = true;
    EXPECT_EQ(walk(0x1000).attr, 0xff);
}

TEST_F(Stage1Walk, Faults) {
    EXPECT_EQ(walk(0x6000).fsc, 0x07);
    EXPECT_EQ(walk(0x20'0000).fsc, 0x06);
    EXPECT_EQ(walk(u64{1} << 39).fsc, 0x04);
    set(0x8000'0000 | kPage);
    EXPECT_EQ(walk().fsc, 0x0b);
    vm.access_flag = true;
    regs.tcr |= u64{1} << 39;
    EXPECT_EQ(walk().status, WalkStatus::kTranslated);
    EXPECT_EQ(m.words[0x13028], 0x8000'0000 | kPage | kAf);
    regs.tcr &= ~(u64{7} << 32);  // 32 bits
    set(0x1'8000'0000 | kPage | kAf);
    EXPECT_EQ(walk().fsc, 0x03);
    set(0x8000'0000 | kPage | kAf | kRo);
    EXPECT_EQ(walk(0x5000, {.write = true}).fsc, 0x0f);
    EXPECT_EQ(walk(0x5000, {.write = true, .no_permissions = true}).status, WalkStatus::kTranslated);
}

TEST(Stage1Permissions, ByApXnWxnPanAndTables) {
    Stage1Regime g;
    auto text = [&](u64 d, u64 tables, bool el0, bool pan) {
        const Stage1Permissions p = stage1_permissions(g, d, tables, el0, pan);
        return std::string(p.r ? "r" : "-") + (p.w ? "w" : "-") + (p.x ? "x" : "-");
    };
    EXPECT_EQ(text(0, 0, false, false), "rwx");
    EXPECT_EQ(text(0, 0, true, false), "--x") << "execute-only";
    EXPECT_EQ(text(kEl0, 0, false, false), "rw-") << "writable by EL0";
    EXPECT_EQ(text(kEl0, 0, true, false), "rwx");
    EXPECT_EQ(text(kEl0 | kRo, 0, false, false), "r-x");
    EXPECT_EQ(text(kEl0 | kRo | kUxn, 0, true, false), "r--");
    EXPECT_EQ(text(kRo | kPxn, 0, false, false), "r--");
    EXPECT_EQ(text(kEl0, 0, false, true), "---") << "PAN";
    EXPECT_EQ(text(0, 0, false, true), "rwx");
    g.epan = true;
    EXPECT_EQ(text(0, 0, false, true), "--x") << "EL0 may execute it";
    EXPECT_EQ(text(kUxn, 0, false, true), "rwx");
    g.epan = false;
    EXPECT_EQ(text(kEl0, u64{1} << 62, true, false), "r-x");
    EXPECT_EQ(text(kEl0, u64{1} << 61, true, false), "--x");
    EXPECT_EQ(text(0, u64{1} << 60, true, false), "---");
    EXPECT_EQ(text(0, u64{1} << 59, false, false), "rw-");
    g.wxn = true;
    EXPECT_EQ(text(0, 0, false, false), "rw-");
    EXPECT_EQ(text(kRo, 0, false, false), "r-x");
    EXPECT_EQ(text(kEl0, 0, true, false), "rw-");
}

TEST_F(Stage1Walk, UnderStage2) {
    // 39 bits; everything one to one by 1 GiB blocks, at IPA 0x100000 of the same memory.
    using V = arch::VTCR_EL2;
    const V vtcr = V::of(arch::kVtcrRes1).with<V::SL0>(1).with<V::T0SZ>(25).with<V::PS>(5);
    const Stage2Regime s2 = stage2_regime(arch::VTTBR_EL2::of(0x100000), vtcr, false, false, vm);
    stage2 = &s2;
    const u64 leaf = 1 << 10 | 3 << 6 | 15 << 2 | 1;
    m.words[0x100000] = leaf;
    Stage1Result r = walk();
    EXPECT_EQ(r.status, WalkStatus::kTranslated);
    EXPECT_EQ(m.reads, 8u);
    m.words[0x100000] = leaf & ~u64{1};
    r = walk();
    EXPECT_TRUE(r.on_stage2 && r.on_walk);
    EXPECT_EQ(r.fsc, 0x05);
    EXPECT_EQ(r.stage2_ipa, 0x10000u);
    EXPECT_EQ(par_of(r, nullptr, false).raw, u64{1} << 11 | 1 << 9 | 1 << 8 | 5 << 1 | 1);
    m.words[0x100000] = leaf & ~u64{1 << 6};
    EXPECT_EQ(walk().fsc, 0x0d) << "tables must be readable";
    m.words[0x100000] = leaf & ~u64{1 << 7};
    set(0x8000'0000 | kPage);
    vm.access_flag = true;
    regs.tcr |= u64{1} << 39;
    r = walk();
    EXPECT_TRUE(r.on_stage2 && r.on_walk);
    EXPECT_EQ(r.fsc, 0x0d) << "and writable for the access flag";
}

TEST_F(Stage1Walk, Par) {
    Stage1Result r = walk();
    EXPECT_EQ(par_of(r, nullptr, false).raw, u64{0xff} << 56 | 0x8000'0000 | 1 << 11);
    Stage2Result s2 = identity_stage2(0x9'9678);
    EXPECT_EQ(par_of(r, &s2, false).raw, u64{0xff} << 56 | 0x9'9000 | 1 << 11 | 3 << 7);
    s2.memattr = 5;
    EXPECT_EQ(par_of(r, &s2, false).raw >> 56, 0x44u);
    s2.memattr = 1;
    EXPECT_EQ(par_of(r, &s2, false).raw, u64{4} << 56 | 0x9'9000 | 1 << 11 | 2 << 7);
    r.attr = 0x00;
    EXPECT_EQ(par_of(r, &s2, false).raw >> 56, 0u) << "the stricter Device";
    s2.memattr = 6;
    EXPECT_EQ(par_of(r, &s2, true).raw >> 56, 0xffu) << "FWB forces Write-Back";
    s2.status = WalkStatus::kFault;
    s2.fsc = 0x07;
    EXPECT_EQ(par_of(r, &s2, false).raw, u64{1} << 11 | 1 << 9 | 7 << 1 | 1);
    set(0);
    EXPECT_EQ(par_of(walk(), nullptr, false).raw, u64{1} << 11 | 7 << 1 | 1);
}

// FEAT_E0PD keeps EL0 out of one half, nobody else.
TEST_F(Stage1Walk, E0pdIsForEl0) {
    const auto fsc = [&](u64 va, bool el0) { return stage1_regime(regs, va, el0, vm).fsc; };
    constexpr u64 kE0pd0 = u64{1} << 55, kE0pd1 = u64{1} << 56;
    struct { u64 tcr, kept_out, free; } const halves[] = {{kE0pd0, 0x5678, kHigh}, {kE0pd1, kHigh, 0x5678}};
    for (const auto& h : halves) {
        regs.tcr = kTcr | h.tcr;
        vm.e0pd = false;
        EXPECT_EQ(fsc(h.kept_out, true), Stage1Regime::kNoFault) << "RES0 without the feature";
        vm.e0pd = true;
        EXPECT_EQ(fsc(h.kept_out, true), 0x04);
        EXPECT_EQ(fsc(h.kept_out, false), Stage1Regime::kNoFault);
        EXPECT_EQ(fsc(h.free, true), Stage1Regime::kNoFault);
        EXPECT_EQ(fsc(h.free, false), Stage1Regime::kNoFault);
    }
}

// All of PAR_EL1: attributes and shareability of either stage ([DDI0487] D24.2.118).
TEST_F(Stage1Walk, ParSaysTheShareabilityOfBothStages) {
    constexpr u64 kRes1 = 1 << 11, kPa = 0x9'9000;
    const auto par = [&](u8 attr, u8 sh1, u8 memattr, u8 sh2, bool fwb = false, bool uncached = false) {
        Stage1Result r = walk();
        r.attr = attr;
        r.sh = sh1;
        Stage2Result s2 = identity_stage2(kPa | 0x678);
        s2.memattr = memattr;
        s2.sh = sh2;
        return par_of(r, &s2, fwb, uncached).raw;
    };
    const auto is = [](u64 attr, u64 sh) { return attr << 56 | kPa | kRes1 | sh << 7; };
    EXPECT_EQ(par(0xff, 0, 15, 0), is(0xff, 0));
    EXPECT_EQ(par(0xff, 3, 15, 0), is(0xff, 3));
    EXPECT_EQ(par(0xff, 0, 15, 3), is(0xff, 3));
    EXPECT_EQ(par(0xff, 2, 15, 3), is(0xff, 2));
    EXPECT_EQ(par(0xff, 3, 15, 2), is(0xff, 2));
    EXPECT_EQ(par(0xff, 3, 5, 3), is(0x44, 2)) << "Non-cacheable is Outer Shareable";
    EXPECT_EQ(par(0x44, 0, 15, 3), is(0x44, 2));
    EXPECT_EQ(par(0xff, 3, 1, 3), is(0x04, 2));
    EXPECT_EQ(par(0x04, 3, 15, 3), is(0x04, 2));
    // One stage alone.
    Stage1Result r = walk();
    r.attr = 0x44;
    r.sh = 3;
    EXPECT_EQ(par_of(r, nullptr, false).raw, u64{0x44} << 56 | 0x8000'0000 | kRes1 | 2 << 7);
    // HCR_EL2.CD: what stage 2 would make Normal is Non-cacheable.
    EXPECT_EQ(par(0xff, 3, 15, 3, false, true), is(0x44, 2));
    EXPECT_EQ(par(0x04, 3, 15, 3, false, true), is(0x04, 2)) << "Device of stage 1";
    EXPECT_EQ(par(0xff, 3, 1, 3, false, true), is(0x04, 2)) << "Device of stage 2";
    EXPECT_EQ(par(0xff, 3, 6, 3, true, true), is(0x44, 2));
    EXPECT_EQ(par(0x04, 3, 6, 3, true, true), is(0x44, 2)) << "FWB makes Normal of it first";
    EXPECT_EQ(par(0x04, 3, 7, 3, true, true), is(0x04, 2));
    EXPECT_EQ(par(0xff, 3, 7, 3, true, true), is(0x44, 2));
    EXPECT_EQ(par(0xff, 3, 1, 3, true, true), is(0x04, 2));
}
TEST_F(Stage1Walk, WhatTheVmHasNotIsNotObeyed) {
    regs.tcr |= u64{1} << 36;      // AS
    regs.sctlr |= u64{1} << 57;    // EPAN
    const auto regime = [&] { return stage1_regime(regs, 0x5678, false, vm); };
    vm.asid16 = vm.epan = false;
    EXPECT_EQ(regime().asid, 0x34u);
    EXPECT_FALSE(regime().epan);
    vm.asid16 = vm.epan = true;
    EXPECT_EQ(regime().asid, 0x1234u);
    EXPECT_TRUE(regime().epan);
}

TEST_F(Stage1Walk, TablesBeyondThePhysicalAddressesAreNotRead) {
    constexpr u64 kBeyond = u64{1} << 33;
    regs.tcr &= ~(u64{7} << 32);  // IPS: 32 bits
    ASSERT_EQ(walk().status, WalkStatus::kTranslated);
    m.words[kBeyond] = m.words[0x10000];  // as if there were memory
    m.words[0x10000] = kBeyond | kTable;
    m.words[kBeyond + 0x1000] = 0;
    m.reads = 0;
    EXPECT_EQ(walk().status, WalkStatus::kFault);
    EXPECT_EQ(walk().fsc, 0u) << "address size, level 0";
    EXPECT_EQ(m.reads, 2u) << "one in each walk";
    regs.ttbr0 = kBeyond;
    m.reads = 0;
    EXPECT_EQ(walk().status, WalkStatus::kFault);
    EXPECT_EQ(walk().fsc, 0u);
    EXPECT_EQ(m.reads, 0u);
}

TEST_F(Stage1Walk, ATablesPermissionsAreThoseOfAllBelow) {
    ASSERT_EQ(walk(0x5678, {.write = true}).status, WalkStatus::kTranslated);
    m.words[0x10000] |= u64{1} << 62;  // APTable: read-only
    EXPECT_EQ(walk().status, WalkStatus::kTranslated);
    EXPECT_EQ(walk(0x5678, {.write = true}).status, WalkStatus::kFault);
    EXPECT_EQ(walk(0x5678, {.write = true}).fsc, 0x0fu);
}

// EL2 without E2H: AP[1] and PXN mean nothing, XN is bit 54, and there is neither an upper range nor an ASID.
TEST_F(Stage1Walk, OneRangeOnePrivilege) {
    constexpr u64 kTcrEl2 = 5 << 16 | 16;  // PS 48, 4K, 48 bits
    regs = vel2_stage1(0x10000 | u64{0x1234} << 48, 0x20000, kTcrEl2, 1, regs.mair, false);
    set(0x8000'0000 | kPage | kAf | kPxn | kEl0);
    Stage1Result r = walk(0x5678, {.exec = true});
    EXPECT_EQ(r.status, WalkStatus::kTranslated) << "PXN";
    EXPECT_EQ(r.output, 0x8000'0678u);
    EXPECT_EQ(r.asid, 0u);
    EXPECT_TRUE(walk(0x5678, {.write = true}).permissions.w);
    EXPECT_EQ(walk(0x5678, {.pan = true}).status, WalkStatus::kTranslated) << "PAN means nothing";
    set(0x8000'0000 | kPage | kAf | kUxn);
    EXPECT_EQ(walk(0x5678, {.exec = true}).status, WalkStatus::kFault) << "XN";
    set(0x8000'0000 | kPage | kAf | kRo);
    EXPECT_EQ(walk(0x5678, {.write = true}).status, WalkStatus::kFault);
    EXPECT_EQ(walk(kHigh).fsc, 4u) << "translation fault, level 0";
    regs.sctlr |= u64{1} << 19;  // WXN
    set(0x8000'0000 | kPage | kAf);
    EXPECT_EQ(walk(0x5678, {.exec = true}).status, WalkStatus::kFault);
    EXPECT_EQ(vel2_stage1(1, 2, 3, 4, 5, true).ttbr1, 2u) << "with E2H, as EL1";
}

}  // namespace
