// SPDX-License-Identifier: GPL-2.0-only
// Shadows whose leaves the reverse map has no room for: what the canonical stage 2 does concerns all of them.
#include <gtest/gtest.h>
#include <tests/unit/nested/mmu/world.hpp>

namespace {
using namespace nest;
using namespace nest::nested;
using arch::L2Ipa;
using test::L2Fault;
using test::World;

struct Untracked : testing::Test {
    static constexpr u64 kPages = 200;

    void SetUp() override {
        for (u64 page = 0; page < kPages; page++) {
            L2Fault f;
            f.ipa = at(page);
            f.write = true;
            ASSERT_EQ(world.access(shadow, nullptr, f).outcome, FaultOutcome::kResolved);
        }
        ASSERT_TRUE(shadow.untracked());
        ASSERT_LT(world.mmu.rmap().count(), kPages);
    }
    static L2Ipa at(u64 page) { return L2Ipa(World::kBigBase + (page << 12)); }
    World world{1};
    World::Shadow& shadow = world.get({0, 0, 5, false});
};

TEST_F(Untracked, WriteProtectionReachesEveryLeaf) {
    world.canonical_write_protect(World::kBigBase, World::kBigBase + (kPages << 12));
    for (u64 page = 0; page < kPages; page++) {
        const stage2::Leaf leaf = shadow.tables.walk(at(page));
        EXPECT_FALSE(leaf.valid && leaf.attributes.prot.w) << page;
    }
    EXPECT_FALSE(shadow.untracked()) << "it starts anew";
}

TEST_F(Untracked, SoDoesUnmapping) {
    const u64 last = kPages - 1;
    world.canonical_unmap(at(last).raw, at(last + 1).raw);
    EXPECT_FALSE(shadow.tables.walk(at(last)).valid);
}

// Only a guess is asked for, and whoever believes that the page is old unmaps it, after which the shadow is tracked.
TEST_F(Untracked, AgeingLooksAtWhatIsKnown) {
    Guard guard(world.lock);
    const u64 first = at(0).frame(), last = at(kPages - 1).frame();
    EXPECT_FALSE(world.mmu.age_gfns(last, last + 1, true));
    EXPECT_TRUE(world.mmu.age_gfns(first, first + 1, true));
    EXPECT_FALSE(world.mmu.age_gfns(first, first + 1, false));
}

// L1 decides how many leaves a shadow has. They go in pieces, and what comes meanwhile is known for what it is.
TEST_F(Untracked, AreDroppedInPieces) {
    for (u64 page = kPages; page < 40 * kPages; page++) {
        L2Fault f;
        f.ipa = at(page);
        ASSERT_EQ(world.access(shadow, nullptr, f).outcome, FaultOutcome::kResolved);
    }
    const auto mapped = [&] {
        u64 leaves = 0;
        for (u64 page = 0; page < 40 * kPages; page++)
            leaves += shadow.tables.walk(at(page)).valid;
        return leaves;
    };
    u64 left = mapped();
    ASSERT_EQ(left, 40 * kPages);
    World::Mmu::Untracked progress;
    unsigned pieces = 0;
    for (bool done = false; !done; pieces++) {
        Guard guard(world.lock);
        done = world.mmu.drop_untracked(progress);
        const u64 now = mapped();
        EXPECT_LE(left - now, 2 * stage2::kDefaultBudget);
        left = now;
    }
    EXPECT_GT(pieces, 2u);
    EXPECT_EQ(left, 0u);
    EXPECT_FALSE(world.mmu.has_untracked());
}

TEST_F(Untracked, AFaultDuringTheDropMayLeaveTheShadowUntracked) {
    World::Mmu::Untracked progress;
    const auto piece = [&](unsigned budget) {
        Guard guard(world.lock);
        return world.mmu.drop_untracked(progress, budget);
    };
    const auto touch = [&](u64 page) {
        L2Fault f;
        f.ipa = at(page);
        ASSERT_EQ(world.access(shadow, nullptr, f).outcome, FaultOutcome::kResolved);
    };
    // Behind the progress, in tables that are gone already: so many that the map overflows once more.
    u64 again = 0;
    while (again < 150 && !piece(40))
        for (unsigned i = 0; i < 10 && progress.at > at(again); i++)
            touch(again++);
    ASSERT_GT(again, 0u);
    while (!piece(40))
        ;
    for (u64 page = 0; page < kPages; page++)
        touch(page);
    EXPECT_TRUE(shadow.untracked());
    EXPECT_TRUE(world.mmu.has_untracked());
    world.canonical_unmap(at(0).raw, at(kPages).raw);
    for (u64 page = 0; page < kPages; page++)
        EXPECT_FALSE(shadow.tables.walk(at(page)).valid) << page;
    EXPECT_FALSE(shadow.untracked());
    EXPECT_EQ(world.mmu.rmap().count(), 0u);
}

// A CPU takes faults of L2 while another drops shadows, one after the other: the first shadow overflows again while the second
// one goes. Nothing may forget the first.
TEST_F(Untracked, AShadowThatOverflowsBehindTheDropIsKnown) {
    const auto touch = [&](World::Shadow& s, u64 page) {
        L2Fault f;
        f.ipa = at(page);
        ASSERT_EQ(world.access(s, nullptr, f).outcome, FaultOutcome::kResolved);
    };
    World::Shadow& second = world.get({0, 0, 6, false});
    ASSERT_LT(shadow.index, second.index);
    touch(second, 0);
    ASSERT_TRUE(second.untracked());

    World::Mmu::Untracked progress;
    const auto piece = [&] {
        Guard guard(world.lock);
        return world.mmu.drop_untracked(progress);
    };
    while (shadow.untracked())
        ASSERT_FALSE(piece());
    for (u64 page = 0; page < kPages; page++)
        touch(shadow, page);
    ASSERT_TRUE(shadow.untracked());
    while (!piece())
        ;
    EXPECT_FALSE(second.untracked());
    EXPECT_TRUE(world.mmu.has_untracked());
    world.canonical_write_protect(World::kBigBase, World::kBigBase + (kPages << 12));
    for (u64 page = 0; page < kPages; page++) {
        const stage2::Leaf leaf = shadow.tables.walk(at(page));
        EXPECT_FALSE(leaf.valid && leaf.attributes.prot.w) << page;
    }
}

}  // namespace
