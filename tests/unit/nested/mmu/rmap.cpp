// SPDX-License-Identifier: GPL-2.0-only
#include <cstring>
#include <gtest/gtest.h>
#include <nested/mmu/rmap.hpp>
#include <random>
#include <set>
#include <tests/fake/port.hpp>
#include <tuple>
#include <vector>

namespace {
using namespace nest;
using nested::Rmap;
using Key = std::tuple<u64, u64, unsigned, unsigned>;  // gfn, place, level, shadow

Key key(const Rmap::Leaf& l) { return {l.gfn, l.at.raw, l.level, l.shadow}; }
u64 frames(unsigned level) { return u64{1} << 9 * (3 - level); }

class RmapTest : public testing::Test {
public:
    void SetUp() override { test::port().reset(); }
    void TearDown() override {
        rmap.destroy();
    }
    bool insert(const Rmap::Leaf& l) {
        if (!rmap.has_node() && rmap.may_grow())
            rmap.add_page(nest_port_pages_alloc(0, true));
        return rmap.insert(l);
    }
    std::vector<Key> visited(u64 start, u64 end) {
        std::vector<Key> v;
        rmap.for_each(start, end, [&](const Rmap::Leaf& l) { v.push_back(key(l)); });
        return v;
    }
    Rmap rmap;
};

// Against a plain set: every range, every removal, while buckets split.
TEST_F(RmapTest, AgreesWithBruteForce) {
    std::mt19937_64 random(7);
    ASSERT_TRUE(rmap.init(64).ok());
    std::set<Key> model;
    for (unsigned step = 0; step < 6000; step++) {
        const unsigned level = 1 + static_cast<unsigned>(random() % 3);
        const u64 gfn = (random() % (u64{4} << 18)) & ~(frames(level) - 1);
        const arch::L2Ipa at((random() % (u64{1} << 34)) & ~(frames(level) * 4096 - 1));
        const Rmap::Leaf leaf{static_cast<u16>(random() % 3), static_cast<u8>(level), at, gfn};
        bool taken = false;
        for (const Key& k : model)
            taken |= std::get<1>(k) == at.raw && std::get<2>(k) == level && std::get<3>(k) == leaf.shadow;
        if (!taken && model.size() < 1500) {
            ASSERT_TRUE(insert(leaf));
            model.insert(key(leaf));
        }
        if (random() % 2 && !model.empty()) {
            auto victim = model.begin();
            std::advance(victim, random() % model.size());
            const auto [g, place, l, s] = *victim;
            EXPECT_EQ(rmap.find(static_cast<u16>(s), arch::L2Ipa(place), l), g);
            EXPECT_TRUE(rmap.remove(static_cast<u16>(s), arch::L2Ipa(place), l));
            EXPECT_FALSE(rmap.remove(static_cast<u16>(s), arch::L2Ipa(place), l));
            EXPECT_EQ(rmap.find(static_cast<u16>(s), arch::L2Ipa(place), l), Rmap::kNoFrame);
            model.erase(victim);
        }
        const u64 start = random() % (u64{4} << 18);
        const u64 end = start + 1 + (random() % 3 == 0 ? random() % (u64{2} << 18) : random() % 700);
        std::vector<Key> got = visited(start, end);
        std::set<Key> unique(got.begin(), got.end()), expected;
        for (const Key& k : model)
            if (std::get<0>(k) < end && start < std::get<0>(k) + frames(std::get<2>(k)))
                expected.insert(k);
        ASSERT_EQ(got.size(), unique.size()) << "visited twice";
        ASSERT_EQ(unique, expected);
        ASSERT_EQ(rmap.count(), model.size());
    }
}

TEST_F(RmapTest, VisitorMayRemoveWhatItVisits) {
    ASSERT_TRUE(rmap.init(64).ok());
    for (u64 i = 0; i < 300; i++)
        ASSERT_TRUE(insert({static_cast<u16>(i % 4), 3, arch::L2Ipa(i << 12), 1000 + i / 2}));
    unsigned seen = 0;
    rmap.for_each(1010, 1020, [&](const Rmap::Leaf& l) {
        seen++;
        EXPECT_TRUE(rmap.remove(l.shadow, l.at, l.level));
    });
    EXPECT_EQ(seen, 20u);
    EXPECT_EQ(rmap.count(), 280u);
    EXPECT_TRUE(visited(1010, 1020).empty());
    EXPECT_EQ(visited(1009, 1021).size(), 4u);
}

TEST_F(RmapTest, MemoryIsBoundedAndReused) {
    ASSERT_TRUE(rmap.init(2).ok());
    unsigned inserted = 0;
    while (insert({0, 3, arch::L2Ipa(u64{inserted} << 12), inserted}))
        inserted++;
    EXPECT_EQ(rmap.pages(), 2u);
    EXPECT_FALSE(rmap.may_grow());
    EXPECT_GT(inserted, 150u);
    EXPECT_EQ(visited(0, 100000).size(), inserted) << "a refused leaf changes nothing";
    EXPECT_TRUE(rmap.remove(0, arch::L2Ipa(0), 3));
    EXPECT_TRUE(insert({1, 3, arch::L2Ipa(0), 77}));
    rmap.destroy();
    EXPECT_EQ(test::port().live_runs, 0u);
}

// Who is the oldest of a group, whichever of it go, and how many there are to look at.
TEST_F(RmapTest, AGroupHasALimit) {
    std::mt19937_64 random(8);
    ASSERT_TRUE(rmap.init(200).ok());
    ASSERT_TRUE(insert({1, 3, arch::L2Ipa(u64{1} << 40), 0x1040}));  // its neighbour
    std::vector<u64> model;  // places, by age
    for (u64 place = 1; model.size() < Rmap::kMostOfGroup || place < 3 * Rmap::kMostOfGroup; place++) {
        ASSERT_TRUE(insert({0, 3, arch::L2Ipa(place << 12), 0x1000 + random() % 64}));
        model.push_back(place);
        ASSERT_EQ(rmap.crowded(), model.size() > Rmap::kMostOfGroup);
        ASSERT_EQ(rmap.count_of(0x1010, 0x1011), model.size());
        size_t victim = 0;
        if (rmap.crowded()) {
            ASSERT_EQ(rmap.oldest().at.raw >> 12, model.front());
        } else if (random() % 8) {
            continue;
        } else {
            victim = random() % 4 ? random() % model.size() : random() % 2 ? 0 : model.size() - 1;
        }
        ASSERT_TRUE(rmap.remove(0, arch::L2Ipa(model[victim] << 12), 3));
        ASSERT_FALSE(rmap.crowded());
        model.erase(model.begin() + static_cast<std::ptrdiff_t>(victim));
    }
    EXPECT_EQ(rmap.count_of(0x1000, 0x1041), model.size() + 1);
    EXPECT_EQ(rmap.count_of(0x1000, 0x1000), 0u);
    EXPECT_EQ(rmap.count_of(0, 0x1000), 0u);
    ASSERT_TRUE(insert({0, 2, arch::L2Ipa(u64{1} << 41), 0x1000}));
    EXPECT_EQ(rmap.count_of(0x1040, 0x1041), 2u) << "a block covers it as well";
}

TEST_F(RmapTest, NoMemoryForItsDirectory) {
    test::port().fail_allocation = 1;
    EXPECT_EQ(rmap.init(2).error(), Errno::kNoMem);
    EXPECT_FALSE(rmap.may_grow());
    EXPECT_EQ(test::port().live_objects, 0u);
}

// Whatever lies in a page that comes, and over more pages than one part of the directory names.
TEST_F(RmapTest, PagesComeDirtyAndGoAll) {
    ASSERT_TRUE(rmap.init(100).ok());
    u64 leaves = 0;
    while (rmap.has_node() || rmap.may_grow()) {
        if (!rmap.has_node()) {
            void* page = nest_port_pages_alloc(0, true);
            std::memset(page, 0xa5, 4096);
            rmap.add_page(page);
            ASSERT_TRUE(rmap.has_node());
        }
        ASSERT_TRUE(rmap.insert({7, 3, arch::L2Ipa(leaves << 12), leaves * 3}));
        leaves++;
    }
    EXPECT_EQ(rmap.pages(), 100u);
    EXPECT_GT(leaves, 7000u);
    for (u64 i = 0; i < leaves; i++)
        ASSERT_EQ(rmap.find(7, arch::L2Ipa(i << 12), 3), i * 3);
    for (u64 i = 0; i < leaves; i++)
        ASSERT_TRUE(rmap.remove(7, arch::L2Ipa(i << 12), 3));
    EXPECT_EQ(rmap.count(), 0u);
    // Their groups went with them: as many fit again, of other frames.
    for (u64 i = 0; i < leaves; i++)
        ASSERT_TRUE(rmap.insert({7, 3, arch::L2Ipa(i << 12), (u64{1} << 30) + i * 3})) << i;
    rmap.destroy();
    EXPECT_EQ(test::port().live_runs, 0u);
    EXPECT_FALSE(rmap.may_grow());
    EXPECT_FALSE(rmap.insert({}));
}

// A VM that has EL2 but never runs a guest of its own.
TEST_F(RmapTest, CostsLittleUntilItIsUsed) {
    ASSERT_TRUE(rmap.init().ok());
    EXPECT_EQ(rmap.pages(), 0u);
    EXPECT_EQ(test::port().live_runs, 0u);
    EXPECT_EQ(test::port().live_objects, 1u);
    EXPECT_EQ(rmap.find(0, arch::L2Ipa(0), 3), Rmap::kNoFrame);
    EXPECT_FALSE(rmap.remove(0, arch::L2Ipa(0), 3));
    EXPECT_TRUE(visited(0, ~u64{0}).empty());
}

// All extremes of a leaf's fields come back as they were.
TEST_F(RmapTest, LargestFields) {
    ASSERT_TRUE(rmap.init(8).ok());
    const Rmap::Leaf last{0xffff, 3, arch::L2Ipa((u64{1} << 48) - 4096), (u64{1} << 36) - 1};
    const Rmap::Leaf block{0x8000, 1, arch::L2Ipa((u64{1} << 48) - (u64{1} << 30)), (u64{1} << 36) - (u64{1} << 18)};
    ASSERT_TRUE(insert(last) && insert(block));
    std::set<Key> seen;
    rmap.for_each((u64{1} << 36) - 1, u64{1} << 36, [&](const Rmap::Leaf& l) { seen.insert(key(l)); });
    EXPECT_EQ(seen, (std::set<Key>{key(last), key(block)}));
    EXPECT_TRUE(visited(0, (u64{1} << 36) - (u64{1} << 18)).empty());
}

// A leaf of a new frame takes two nodes. Where one is left, it stays for a leaf of a known frame.
TEST_F(RmapTest, OneNodeIsNotEnoughForANewFrame) {
    const auto at = [](u64 page) { return arch::L2Ipa(page << 12); };
    unsigned left = 0;
    for (u64 known = 1; known <= 2; known++) {  // one of both leaves an odd number for the others
        Rmap small;
        ASSERT_TRUE(small.init(1).ok());
        ASSERT_TRUE(small.may_grow());
        small.add_page(nest_port_pages_alloc(0, true));
        u64 page = 0;
        for (u64 i = 0; i < known; i++, page++)
            ASSERT_TRUE(small.insert({0, 3, at(page), 0}));
        for (u64 group = 1; small.insert({0, 3, at(page), group << 6}); group++, page++)
            ASSERT_LT(page, 1000u);
        for (; small.insert({0, 3, at(page), 0}); page++)
            ASSERT_LT(left++, 10u);
        small.destroy();
    }
    EXPECT_EQ(left, 1u);
}

}  // namespace
