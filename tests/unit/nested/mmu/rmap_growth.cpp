// SPDX-License-Identifier: GPL-2.0-only
// The reverse map's chains, as leaves go from a thousand to a million: what an operation looks at must not grow.
#include <gtest/gtest.h>
#include <random>
#include <tests/fake/port.hpp>
#include <tests/unit/nested/mmu/rmap_chains.hpp>

namespace {
using namespace nest;
using nested::Rmap;
using test::RmapChains;

// How a guest's leaves lie: leaf `i` of `shadows` that map the same frames.
enum class Shape { kPages, kBackwards, kScattered, kBlocks };
struct Pattern {
    const char* name;
    Shape shape;
    unsigned shadows;
};
Rmap::Leaf leaf(const Pattern& p, u64 i) {
    const u16 shadow = static_cast<u16>(i % p.shadows);
    const u64 n = i / p.shadows;
    switch (p.shape) {
    case Shape::kPages: return {shadow, 3, arch::L2Ipa(n << 12), 0x8'0000 + n};
    // Frames and places run against each other.
    case Shape::kBackwards: return {shadow, 3, arch::L2Ipa((u64{1} << 40) - ((n + 1) << 12)), n};
    // A page of each 2 MiB: a group of its own, and only high bits differ.
    case Shape::kScattered: return {shadow, 3, arch::L2Ipa(n << 24), n << 10 & ((u64{1} << 36) - 1)};
    case Shape::kBlocks: return {shadow, 2, arch::L2Ipa(n << 21), n << 9};
    }
    return {};
}
bool insert(Rmap& rmap, const Rmap::Leaf& l) {
    if (!rmap.has_node() && rmap.may_grow())
        rmap.add_page(nest_port_pages_alloc(0, true));
    return rmap.insert(l);
}

class RmapGrowth : public testing::TestWithParam<Pattern> {
public:
    void SetUp() override { test::port().reset(); }
};

TEST_P(RmapGrowth, ChainsStayShort) {
    const Pattern& p = GetParam();
    Rmap rmap;
    ASSERT_TRUE(rmap.init(30000).ok());
    u64 leaves = 0;
    for (const u64 wanted : {1'000u, 10'000u, 100'000u, 1'000'000u}) {
        for (; leaves < wanted; leaves++)
            ASSERT_TRUE(insert(rmap, leaf(p, leaves)));
        const RmapChains chains(rmap);
        const RmapChains::Table places = chains.places(), groups = chains.groups();
        ASSERT_EQ(places.elements, leaves);
        // An even hash over half to three quarters as many buckets as elements, some of them split and some not.
        EXPECT_LE(places.mean(), 2.2) << leaves;
        EXPECT_LE(groups.mean(), 2.2) << leaves;
        // The longest of a million even chains: with eight elements on average 30 would be likely, with two 16.
        EXPECT_LE(places.longest, 18u) << leaves;
        EXPECT_LE(groups.longest, 18u) << leaves;
        // Not by wasting memory: 40 bytes for a leaf, as many for its group, and their buckets.
        const double bytes = static_cast<double>(rmap.pages()) * 4096 / static_cast<double>(leaves + groups.elements);
        EXPECT_LE(bytes, leaves < 10'000 ? 60 : 51) << leaves;
        RecordProperty("leaves", std::to_string(leaves) + ": " + std::to_string(places.mean()));
        std::printf("%-14s %8llu leaves: place mean %.2f max %zu, group mean %.2f max %zu, %.1f bytes\n", p.name,
                    static_cast<unsigned long long>(leaves), places.mean(), places.longest, groups.mean(),
                    groups.longest, bytes);
    }
}

INSTANTIATE_TEST_SUITE_P(Patterns, RmapGrowth,
                         testing::Values(Pattern{"Pages", Shape::kPages, 1},
                                         Pattern{"FourShadows", Shape::kPages, 4},
                                         Pattern{"Backwards", Shape::kBackwards, 1},
                                         Pattern{"Scattered", Shape::kScattered, 1},
                                         Pattern{"Blocks", Shape::kBlocks, 1},
                                         Pattern{"ManyShadows", Shape::kPages, 64}),
                         [](const auto& i) { return std::string(i.param.name); });

// Each insertion splits no more than one bucket of each table: the lock is never held for a whole new table.
TEST(RmapSplit, OneBucketAtATime) {
    test::port().reset();
    Rmap rmap;
    ASSERT_TRUE(rmap.init(2000).ok());
    const Pattern scattered{"", Shape::kScattered, 1};
    ASSERT_TRUE(insert(rmap, leaf(scattered, 0)));
    size_t places = RmapChains(rmap).places().buckets, groups = RmapChains(rmap).groups().buckets;
    const size_t first = places;
    for (u64 i = 1; i < 5000; i++) {
        ASSERT_TRUE(insert(rmap, leaf(scattered, i)));
        const size_t p = RmapChains(rmap).places().buckets, g = RmapChains(rmap).groups().buckets;
        ASSERT_LE(p - places, 1u) << i;
        ASSERT_LE(g - groups, 1u) << i;
        places = p;
        groups = g;
    }
    EXPECT_GT(places, 30 * first);
}

// Another map puts the same leaves into other buckets: a guest cannot tell which of its addresses share one.
TEST(RmapSplit, HashesDifferPerVm) {
    test::port().reset();
    Rmap a, b;
    size_t differ = 0;
    ASSERT_TRUE(a.init(100).ok() && b.init(100).ok());
    const Pattern pages{"", Shape::kPages, 1};
    for (u64 i = 0; i < 2000; i++)
        ASSERT_TRUE(insert(a, leaf(pages, i)) && insert(b, leaf(pages, i)));
    const auto& mine = a.*std::get<1>(test::parts_of_rmap());
    const auto& other = b.*std::get<1>(test::parts_of_rmap());
    for (size_t i = 0; i < mine.size(); i++)
        differ += mine.head(i) && other.head(i) && mine.head(i)->key != other.head(i)->key;
    EXPECT_GT(differ, mine.size() / 4);
}

}  // namespace
