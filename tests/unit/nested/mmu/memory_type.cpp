// SPDX-License-Identifier: GPL-2.0-only
// Memory types of shadow leaves: no way past the caches to memory that nobody has cleaned, and walks that come to an end.
#include <gtest/gtest.h>
#include <tests/unit/nested/mmu/world.hpp>

namespace {
using namespace nest;
using namespace nest::nested;
using stage2::MemoryType;
using test::L2Fault;
using test::World;
using arch::L2Ipa;

// L1 maps page n of its large memory at page n of L2's, each with the attributes that a test gives it.
struct MemoryTypes : testing::TestWithParam<bool> {
    static constexpr u64 kReadWrite = 3 << 6, kAccessed = 1 << 10, kPage = 3;
    static constexpr u64 kDevice = 1, kNonCacheable = 5, kWriteThrough = 10, kWriteBack = 15;  // MemAttr
    static constexpr u64 kFwbNonCacheable = 5, kFwbWriteBack = 6, kFwbStage1s = 7;            // … by HCR_EL2.FWB

    World world{64, 4, GetParam()};
    MmuFeatures vm;
    arch::VTCR_EL2 vtcr;
    Stage2Regime regime;
    World::Shadow* shadow = nullptr;

    void SetUp() override { start(false); }
    // `fwb`: L1 uses FEAT_S2FWB.
    void start(bool fwb) {
        vm.pa_bits = 48;
        vm.stage2_granules = 7;
        using V = arch::VTCR_EL2;
        vtcr = V::of(arch::kVtcrRes1).with<V::SL0>(0).with<V::T0SZ>(39).with<V::PS>(5);
        word(0) = (World::kRamBase + 0x1000) | 3;
        regime = stage2_regime(arch::VTTBR_EL2::of(World::kRamBase), vtcr, false, fwb, vm);
        shadow = &world.get({World::kRamBase, vtcr.raw, 5, true});
    }
    u64& word(u64 offset) { return *world.word(arch::Ipa(World::kRamBase + offset)); }
    void map(u64 page, u64 memattr) {
        word(0x1000 + 8 * page) = (World::kBigBase + (page << 12)) | kAccessed | kReadWrite | memattr << 2 | kPage;
    }
    static L2Fault at(u64 page) {
        L2Fault f;
        f.ipa = L2Ipa(page << 12);
        return f;
    }
    Resolution touch(const L2Fault& f) { return world.access(*shadow, &regime, f); }
    stage2::Leaf leaf(u64 page) { return shadow->tables.walk(L2Ipa(page << 12)); }
};

TEST_P(MemoryTypes, MemoryIsReachedUncachedOnlyIfItWasCleaned) {
    const auto try_all = [&](std::initializer_list<u64> types, u64 first) {
        for (u64 type : types) {
            const u64 page = first++;
            map(page, type);
            world.cpu.lines_cleaned = 0;
            ASSERT_EQ(touch(at(page)).outcome, FaultOutcome::kResolved);
            const u64 lines = world.cpu.lines_cleaned;
            ASSERT_TRUE(leaf(page).valid);
            EXPECT_TRUE(leaf(page).attributes.type == MemoryType::Normal || lines) << "MemAttr " << type;
            EXPECT_EQ(lines != 0, !world.host.fwb) << "whose affair is it?";
        }
    };
    try_all({kDevice, kNonCacheable, kWriteThrough, kWriteBack, 0, 2, 3}, 0);
    start(true);
    try_all({kDevice, kFwbNonCacheable, kFwbWriteBack, kFwbStage1s, 0}, 16);
}

// Without FEAT_S2FWB L1 itself may access the page uncached, and then L2 must do so, too.
TEST_P(MemoryTypes, WithoutFwbL1sTypeActs) {
    const MemoryType wanted[] = {MemoryType::Device_nGnRE, MemoryType::NormalNC, MemoryType::Normal};
    u64 page = 0;
    for (u64 type : {kDevice, kNonCacheable, kWriteBack}) {
        map(page, type);
        word(0x1000 + 8 * page) |= u64{2} << 53;  // not executable
        ASSERT_EQ(touch(at(page)).outcome, FaultOutcome::kResolved);
        EXPECT_EQ(leaf(page).attributes.type, world.host.fwb ? MemoryType::Normal : wanted[page]);
        page++;
    }
}

// L1 changes its mind about a page, invalidates, and the next leaf is of the new type; nothing is left of the old one.
TEST_P(MemoryTypes, AChangeOfL1sIsAChangeOfTheLeaf) {
    map(0, kDevice);
    ASSERT_EQ(touch(at(0)).outcome, FaultOutcome::kResolved);
    map(0, kWriteBack);
    ASSERT_EQ(touch(at(0)).outcome, FaultOutcome::kResolved);
    EXPECT_EQ(leaf(0).attributes.type, MemoryType::Normal);
    EXPECT_TRUE(leaf(0).attributes.prot.x);
    map(0, kDevice);
    ASSERT_EQ(touch(at(0)).outcome, FaultOutcome::kResolved);
    EXPECT_FALSE(leaf(0).attributes.prot.x);
    EXPECT_EQ(leaf(0).attributes.type, world.host.fwb ? MemoryType::Normal : MemoryType::Device_nGnRE);
}

// HCR_EL2.PTW of L1 is clear, ours is set: hardware would fault at a Device leaf on each attempt.
TEST_P(MemoryTypes, AWalkOfL1sDeviceMemoryEnds) {
    map(0, kDevice);
    ASSERT_EQ(touch(at(0)).outcome, FaultOutcome::kResolved) << "by an access of L2's first";
    L2Fault walk = at(0);
    walk.on_walk = walk.permission = walk.write = true;
    ASSERT_EQ(touch(walk).outcome, FaultOutcome::kResolved);
    EXPECT_EQ(leaf(0).attributes.type, world.host.fwb ? MemoryType::Normal : MemoryType::NormalNC);
    EXPECT_TRUE(leaf(0).attributes.prot.w);
    EXPECT_FALSE(leaf(0).attributes.prot.x) << "L1 calls it a device";
    L2Fault fetch = at(0);
    fetch.exec = true;
    EXPECT_EQ(touch(fetch).outcome, FaultOutcome::kForward);
}

TEST_P(MemoryTypes, AProtectedWalkIsL1sToRefuse) {
    map(0, kDevice);
    L2Fault walk = at(0);
    walk.on_walk = walk.no_device_walk = true;
    const Resolution r = touch(walk);
    EXPECT_EQ(r.outcome, FaultOutcome::kForward);
    EXPECT_EQ(r.fsc, 0x0f) << "a permission fault, level 3";
}

// [DDI0487] D8.6 (stage 2 over stage 2 is as stage 2 over stage 1): the stronger type wins, and nothing is executed from
// what is not Write-Back. All that either side may say, against a table; the two exceptions are compose()'s own.
TEST_P(MemoryTypes, TheStrongerOfBothTypes) {
    using enum MemoryType;
    const bool fwb = GetParam();
    const auto strength = [](MemoryType t) { return t == Device_nGnRE ? 2 : t == NormalNC ? 1 : 0; };
    for (const MemoryType theirs : {Normal, NormalNC, Device_nGnRE})
        for (const MemoryType ours : {Normal, NormalNC, Device_nGnRE})
            for (unsigned prot = 0; prot < 64; prot++) {
                const auto bit = [&](unsigned n) { return (prot >> n & 1) != 0; };
                Stage2Result l1;
                l1.attributes.type = theirs;
                l1.attributes.prot = {.r = bit(0), .w = bit(1), .x = bit(2)};
                stage2::Leaf canonical;
                canonical.valid = true;
                canonical.level = 3;
                canonical.attributes.type = ours;
                // What is no memory is never executable: fault_in() gives no such leaf.
                canonical.attributes.prot = {.r = bit(3), .w = bit(4), .x = bit(5) && ours == Normal};
                const stage2::Attributes c = compose(l1, canonical, 0, fwb).attributes;
                const bool both_execute = bit(2) && bit(5) && ours == Normal && theirs != Device_nGnRE;
                MemoryType wanted = strength(theirs) > strength(ours) ? theirs : ours;
                if (ours == Normal && (fwb || (theirs == NormalNC && both_execute)))
                    wanted = Normal;  // nobody has cleaned it; or L2 is to execute from it
                EXPECT_EQ(c.type, wanted) << prot;
                EXPECT_GE(strength(c.type), strength(ours)) << "never weaker than the memory is";
                EXPECT_EQ(c.prot.r, bit(0) && bit(3));
                EXPECT_EQ(c.prot.w, bit(1) && bit(4));
                EXPECT_EQ(c.prot.x, both_execute) << prot;
                EXPECT_FALSE(c.prot.x && c.type != Normal);
            }
}

INSTANTIATE_TEST_SUITE_P(Fwb, MemoryTypes, testing::Bool());

}  // namespace
