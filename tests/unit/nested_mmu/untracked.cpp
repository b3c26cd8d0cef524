// SPDX-License-Identifier: GPL-2.0-only
// Shadows whose leaves the reverse map has no room for: what the canonical stage 2 does concerns all of them.
#include <gtest/gtest.h>
#include <tests/unit/nested_mmu/world.hpp>

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

TEST_F(Untracked, AndAgeing) {
    Guard guard(world.lock);
    const u64 last = at(kPages - 1).frame();
    EXPECT_TRUE(world.mmu.age_gfns(last, last + 1, true));
    EXPECT_FALSE(world.mmu.age_gfns(last, last + 1, false));
}

}  // namespace
