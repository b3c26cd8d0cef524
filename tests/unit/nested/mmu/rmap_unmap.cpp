// SPDX-License-Identifier: GPL-2.0-only
// What ShadowMmu::unmap_gfns() reads of a shadow, in whatever order its leaves came.
#include <algorithm>
#include <gtest/gtest.h>
#include <numeric>
#include <random>
#include <tests/unit/nested/mmu/counted_world.hpp>

namespace {
using namespace nest;
using test::CountedWorld;

constexpr u64 K4 = 4096, M2 = 2 << 20, M64 = 64 << 20;

constexpr u64 kAt = M64 / 2;

class UnmapReads : public testing::Test {
public:
    void touch(CountedWorld::Shadow& s) {
        for (const u64 page : pages)
            ASSERT_EQ(w.touch(s, kAt + page * K4), nested::FaultOutcome::kResolved);
    }
    bool mapped(CountedWorld::Shadow& s, u64 page) { return s.tables.walk(arch::L2Ipa(kAt + page * K4)).valid; }
    // Each shadow's `pages` of 2 MiB come in their order, and then all go.
    void expect_few_loads() {
        for (CountedWorld::Shadow* s : w.shadows)
            touch(*s);
        const size_t before = w.mmu.rmap().count();
        w.forget();
        w.unmap(kAt, M2);
        const u64 loads = test::CountedMemory::loads, leaves = before - w.mmu.rmap().count();
        ASSERT_EQ(leaves, pages.size() * w.shadows.size());
        // The walk from the root, the links of tables back up to it, and the look for a neighbour; then each table that
        // really has become empty is read once.
        EXPECT_LE(loads, 12 * leaves + 3 * stage2::kEntries * w.shadows.size());
        RecordProperty("loads_per_leaf", std::to_string(static_cast<double>(loads) / static_cast<double>(leaves)));
        for (CountedWorld::Shadow* s : w.shadows)
            for (const u64 page : pages)
                EXPECT_FALSE(mapped(*s, page));
    }
    std::vector<u64> pages = [] {
        std::vector<u64> p(M2 / K4);
        std::iota(p.begin(), p.end(), 0);
        return p;
    }();
    CountedWorld w{M64, 12, 2};
};

TEST_F(UnmapReads, Upwards) { expect_few_loads(); }
TEST_F(UnmapReads, Downwards) {
    std::reverse(pages.begin(), pages.end());
    expect_few_loads();
}
TEST_F(UnmapReads, AtRandom) {
    std::mt19937 random(5);
    std::shuffle(pages.begin(), pages.end(), random);
    expect_few_loads();
}
TEST_F(UnmapReads, EverySecond) {
    std::erase_if(pages, [](u64 p) { return p % 2; });
    expect_few_loads();
}
TEST_F(UnmapReads, AmidAFullGuest) {
    w.fill();
    expect_few_loads();
}

// The table goes with its last leaf, whichever that is, and not before.
TEST_F(UnmapReads, TheLastLeafTakesItsTable) {
    std::mt19937 random(6);
    CountedWorld::Shadow& s = *w.shadows[0];
    w.cache.drain();
    const u64 without = test::port().live_runs - w.mmu.rmap().pages();
    for (unsigned round = 0; round < 8; round++) {
        std::shuffle(pages.begin(), pages.end(), random);
        touch(s);
        for (size_t i = 0; i < pages.size(); i++) {
            for (size_t left = i; left < pages.size(); left += 37)
                ASSERT_TRUE(mapped(s, pages[left]));
            w.unmap(kAt + pages[i] * K4, K4);
        }
        w.cache.drain();
        EXPECT_EQ(test::port().live_runs - w.mmu.rmap().pages(), without);
        EXPECT_EQ(w.mmu.rmap().count(), 0u);
    }
}

}  // namespace
