// SPDX-License-Identifier: GPL-2.0-only
// L1 maps what it likes as often as it likes, and need not invalidate what it replaces: neither may make one operation long.
#include <gtest/gtest.h>
#include <tests/unit/nested/mmu/world.hpp>

namespace {
using namespace nest;
using namespace nest::nested;
using arch::L2Ipa;
using test::L2Fault;
using test::World;

// Tables of L1's from level 1 on, 4 KiB granule.
struct Aliases : testing::Test {
    static constexpr u64 kRw = 3 << 6 | 1 << 10 | 15 << 2, kPage = kRw | 3, kBlock = kRw | 1;
    static constexpr u64 kRoot = World::kRamBase, kMiddle = kRoot + 0x1000, kLast = kRoot + 0x2000;

    Aliases() {
        vm.pa_bits = 48;
        vm.stage2_granules = 7;
        using V = arch::VTCR_EL2;
        vtcr = V::of(arch::kVtcrRes1).with<V::SL0>(1).with<V::T0SZ>(25).with<V::PS>(5);
        regime = stage2_regime(arch::VTTBR_EL2::of(kRoot), vtcr, false, true, vm);
        shadow = &world.get({kRoot, vtcr.raw, 5, true});
        word(kRoot) = kMiddle | 3;
    }
    u64& word(u64 at) { return *world.word(arch::Ipa(at)); }
    void map(u64 page, u64 to) {
        const u64 table = kLast + page / 512 * 0x1000;
        word(kMiddle + page / 512 * 8) = table | 3;
        word(table + page % 512 * 8) = to | kPage;
    }
    FaultOutcome touch(u64 page) {
        L2Fault f;
        f.ipa = L2Ipa(page << 12);
        return world.access(*shadow, &regime, f).outcome;
    }
    bool mapped(u64 page) { return shadow->tables.walk(L2Ipa(page << 12)).valid; }

    World world{400};
    MmuFeatures vm;
    arch::VTCR_EL2 vtcr;
    Stage2Regime regime;
    World::Shadow* shadow;
};

TEST_F(Aliases, OfAFrameTheOldestGo) {
    constexpr u64 kMost = Rmap::kMostOfGroup, kPages = kMost + 1000;
    for (u64 page = 0; page < kPages; page++) {
        map(page, World::kBigBase);
        ASSERT_EQ(touch(page), FaultOutcome::kResolved);
        ASSERT_LE(world.mmu.rmap().count(), kMost);
    }
    for (u64 page = 0; page < kPages; page++)
        ASSERT_EQ(mapped(page), page >= kPages - kMost) << page;
    EXPECT_EQ(touch(0), FaultOutcome::kResolved) << "what has gone comes again";
    EXPECT_TRUE(mapped(0));
    EXPECT_FALSE(shadow->untracked());
    world.canonical_unmap(World::kBigBase, World::kBigBase + 0x1000);
    for (u64 page = 0; page < kPages; page++)
        ASSERT_FALSE(mapped(page)) << page;
    EXPECT_EQ(world.mmu.rmap().count(), 0u);
}

TEST_F(Aliases, ABlockOverManyPagesTakesSeveralTries) {
    constexpr u64 kPages = 20 * 512, kUntouched = kPages + 5;
    ASSERT_TRUE(world.fault_in(arch::Ipa(World::kBigBase), true, 30));
    for (u64 page = 0; page < kPages; page++) {
        map(page, World::kBigBase + (page << 12));
        ASSERT_EQ(touch(page), FaultOutcome::kResolved);
    }
    ASSERT_EQ(world.mmu.rmap().count(), kPages);
    word(kRoot) = World::kBigBase | kBlock;  // and no TLBI
    L2Fault f;
    f.ipa = L2Ipa(kUntouched << 12);
    ASSERT_TRUE(World::Mmu::top_up(*shadow, world.cache).ok());
    unsigned tries = 0;
    for (size_t before = kPages; !mapped(kUntouched); before = world.mmu.rmap().count()) {
        Guard guard(world.lock);
        const FaultOutcome outcome = world.mmu.resolve(*shadow, &regime, f, world.cache).outcome;
        ASSERT_LE(before, world.mmu.rmap().count() + 2 * stage2::kDefaultBudget);
        ASSERT_LE(++tries, 20u);
        ASSERT_EQ(outcome, mapped(kUntouched) ? FaultOutcome::kResolved : FaultOutcome::kNeedTables);
    }
    EXPECT_GT(tries, 2u);
    EXPECT_EQ(world.mmu.rmap().count(), 1u);
    EXPECT_EQ(shadow->tables.walk(L2Ipa(0)).span(), u64{1} << 30);
}

}  // namespace
