// SPDX-License-Identifier: GPL-2.0-only
// What an operation touches, counted: it must grow with the range that is named, not with the guest and not with the
// shadows that have nothing there. Times are the business of benchmarks/host.
#include <gtest/gtest.h>
#include <tests/unit/nested/mmu/counted_world.hpp>
#include <tests/unit/nested/mmu/rmap_chains.hpp>

namespace {
using namespace nest;
using namespace nest::test;
using nested::Cause;
using nested::ShadowTlbi;

constexpr u64 K4 = 4096, M2 = 2 << 20, M64 = 64 << 20, G1 = 1 << 30;
constexpr u64 kPages = M2 / K4;
constexpr u64 kEntries = stage2::kEntries;
// Entries on the way from the root to a page, and the look into a table whether it has become empty.
constexpr u64 kWayToPage = 4, kPerPage = kWayToPage + kEntries;

struct Cost {
    u64 loads, stores, tlbis;
    bool operator==(const Cost&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Cost& c) {
    return out << c.loads << " loads, " << c.stores << " stores, " << c.tlbis << " TLBIs";
}
template <typename Fn>
Cost cost_of(CountedWorld& w, Fn fn) {
    w.forget();
    fn();
    return {CountedMemory::loads, CountedMemory::stores, w.cpu.tlbis};
}
Cost unmap_cost(CountedWorld& w, u64 start, u64 bytes) {
    return cost_of(w, [&] { w.unmap(start, bytes); });
}
bool mapped(CountedWorld::Shadow& s, u64 l2) { return s.tables.walk(arch::L2Ipa(l2)).valid; }
u64 dropped(CountedWorld& w, Cause cause) { return nested::MmuStats(w.mmu.stats())[cause]; }

// 2 MiB of a guest of 1 GiB that has four live shadows: the leaves that map it, and nothing else.
TEST(Costs, TwoMiBOfAGuestWithFourShadows) {
    CountedWorld w(G1, 12, 4);
    w.fill();
    ASSERT_EQ(w.mmu.rmap().count(), 4 * (G1 / K4));
    const Cost c = unmap_cost(w, G1 / 2, M2);
    EXPECT_EQ(dropped(w, Cause::kNotifier), 4 * kPages);
    EXPECT_EQ(w.mmu.rmap().count(), 4 * (G1 / K4 - kPages));
    // Each page's entry, the entry of the table that became empty, and up to three links of lists of dead tables.
    EXPECT_GE(c.stores, 4 * (kPages + 1));
    EXPECT_LE(c.stores, 4 * (kPages + 4));
    EXPECT_LE(c.loads, 4 * kPages * kPerPage);
    EXPECT_EQ(c.tlbis, 4u * 1) << "one per shadow";
    for (CountedWorld::Shadow* s : w.shadows) {
        EXPECT_FALSE(mapped(*s, G1 / 2));
        EXPECT_FALSE(mapped(*s, G1 / 2 + M2 - K4));
        EXPECT_TRUE(mapped(*s, G1 / 2 - K4));
        EXPECT_TRUE(mapped(*s, G1 / 2 + M2));
    }
}

TEST(Costs, UnmapDoesNotGrowWithTheGuest) {
    std::optional<Cost> first;
    for (u64 bytes : {M64, 4 * M64, G1}) {
        CountedWorld w(bytes, 12, 1);
        w.fill();
        const Cost c = unmap_cost(w, M64 / 2, M2);
        EXPECT_EQ(c, first.value_or(c)) << bytes;
        first = c;
    }
}

TEST(Costs, UnmapDoesNotGrowWithShadowsThatHaveNothingThere) {
    std::optional<Cost> first;
    for (unsigned others : {0u, 3u, 31u, 63u}) {
        CountedWorld w(M64, 12, 1);
        w.fill();
        for (unsigned i = 0; i < others; i++) {
            CountedWorld::Shadow& s = w.add_shadow();
            for (u64 at = 0; at < M2; at += K4)
                ASSERT_EQ(w.touch(s, at), nested::FaultOutcome::kResolved);
        }
        const Cost c = unmap_cost(w, M64 / 2, M2);
        EXPECT_EQ(c, first.value_or(c)) << others;
        EXPECT_EQ(dropped(w, Cause::kNotifier), kPages);
        first = c;
    }
}

TEST(Costs, UnmapGrowsWithTheRange) {
    CountedWorld w(G1, 12, 2);
    w.fill();
    const Cost one = unmap_cost(w, 0, M2);
    for (u64 times : {2, 4, 16}) {
        const Cost c = unmap_cost(w, times * M64 / 2, times * M2);
        // Not to the last one: tables above become empty at other places.
        EXPECT_GE(c.loads, times * one.loads);
        EXPECT_LE(c.loads, times * one.loads * 102 / 100);
        EXPECT_LE(c.stores, times * one.stores + times * 2);
        EXPECT_GE(c.stores, times * 2 * (kPages + 1));
    }
}

// The reverse map's nodes behind one group of 64 frames: of each shadow that maps them, and hardly any other.
TEST(Costs, NodesOfAGroupOfFrames) {
    for (u64 bytes : {M64, G1})
        for (unsigned shadows : {1u, 4u}) {
            CountedWorld w(bytes, 12, shadows);
            w.fill();
            const double nodes = RmapChains(w.mmu.rmap()).by_frame();
            EXPECT_GE(nodes, 64.0 * shadows);
            EXPECT_LE(nodes, 64.0 * shadows * 1.25) << bytes;
        }
}

TEST(Costs, ABlockIsOneLeaf) {
    CountedWorld w(G1, 21, 4);
    w.fill();
    const Cost c = unmap_cost(w, G1 / 2, M2);
    EXPECT_EQ(c.stores, 4u);
    EXPECT_LE(c.loads, 4 * kPerPage);
    EXPECT_EQ(dropped(w, Cause::kNotifier), 4u);
    EXPECT_EQ(w.mmu.rmap().count(), 4 * (G1 / M2 - 1));
}

// A page of a block costs the block.
TEST(Costs, APageOfABlock) {
    CountedWorld w(G1, 21, 4);
    w.fill();
    EXPECT_EQ(unmap_cost(w, G1 / 2 + K4, K4).stores, 4u);
    EXPECT_FALSE(mapped(*w.shadows[3], G1 / 2));
    EXPECT_TRUE(mapped(*w.shadows[3], G1 / 2 + M2));
}

TEST(Costs, NothingThereCostsNothing) {
    CountedWorld w(G1, 12, 4);
    w.fill(0, M64);
    EXPECT_EQ(unmap_cost(w, G1 / 2, G1 / 2), (Cost{0, 0, 0}));
}

TEST(Costs, WriteProtectionAndAgeingTouchTheirLeavesOnly) {
    CountedWorld w(G1, 12, 4);
    w.fill();
    const u64 first = (CountedWorld::kBase + G1 / 2) / K4;
    Cost c = cost_of(w, [&] {
        Guard guard(w.lock);
        w.mmu.write_protect_gfns(first, first + kPages);
    });
    EXPECT_EQ(c.stores, 4 * kPages);
    EXPECT_LE(c.loads, 4 * kPages * (kWayToPage + 1));
    c = cost_of(w, [&] {
        Guard guard(w.lock);
        EXPECT_TRUE(w.mmu.age_gfns(first, first + kPages, true));
    });
    EXPECT_EQ(c.stores, 4 * kPages);
    EXPECT_LE(c.loads, 4 * kPages * (kWayToPage + 1));
    EXPECT_EQ(c.tlbis, 0u);
    EXPECT_EQ(w.mmu.rmap().count(), 4 * (G1 / K4));
}

Cost tlbi_cost(CountedWorld& w, const ShadowTlbi& t) {
    return cost_of(w, [&] {
        CountedWorld::Mmu::Cursor cursor;
        Guard guard(w.lock);
        EXPECT_TRUE(w.mmu.invalidate(t, cursor, ~0u));
    });
}

TEST(Costs, ATlbiByAddressGoesToItsLeaf) {
    for (u64 bytes : {M64, G1}) {
        CountedWorld w(bytes, 12, 4);
        w.fill();
        ShadowTlbi t;
        t.what = ShadowTlbi::What::kIpa;
        t.vmid = 2;
        t.start = M64 / 2;
        const Cost c = tlbi_cost(w, t);
        EXPECT_EQ(c.stores, 1u);
        EXPECT_LE(c.loads, 2 * kWayToPage + kEntries);
        EXPECT_FALSE(mapped(*w.shadows[1], M64 / 2));
        EXPECT_TRUE(mapped(*w.shadows[0], M64 / 2)) << "another VMID";
        EXPECT_TRUE(mapped(*w.shadows[1], M64 / 2 + K4));
    }
}

TEST(Costs, ATlbiByVmidDoesNotLookAtOtherVmids) {
    std::optional<Cost> first;
    for (unsigned others : {0u, 3u, 31u}) {
        CountedWorld w(M64, 12, 1);
        w.fill();
        for (unsigned i = 0; i < others; i++)
            ASSERT_EQ(w.touch(w.add_shadow(), 0), nested::FaultOutcome::kResolved);
        ShadowTlbi t;
        t.what = ShadowTlbi::What::kVmid;
        t.vmid = 1;
        const Cost c = tlbi_cost(w, t);
        EXPECT_EQ(c, first.value_or(c)) << others;
        EXPECT_EQ(w.mmu.rmap().count(), others);
        first = c;
    }
}

TEST(Costs, AFaultDoesNotGrowWithTheGuestOrTheShadows) {
    std::optional<Cost> first;
    for (u64 bytes : {M64, G1})
        for (unsigned shadows : {1u, 4u}) {
            CountedWorld w(bytes, 12, shadows);
            w.fill();
            w.unmap(M64 / 2, K4);
            const Cost c = cost_of(w, [&] {
                ASSERT_EQ(w.touch(*w.shadows[0], M64 / 2), nested::FaultOutcome::kResolved);
            });
            EXPECT_EQ(c, first.value_or(c)) << bytes << ' ' << shadows;
            EXPECT_EQ(c.stores, 1u);
            first = c;
        }
}

}  // namespace
