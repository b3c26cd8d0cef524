// SPDX-License-Identifier: GPL-2.0-only
#include <gtest/gtest.h>
#include <tests/unit/nested/mmu/world.hpp>
#include <thread>

namespace {
using namespace nest;
using namespace nest::nested;
using test::World;
using test::L2Fault;
using arch::L2Ipa;

ShadowKey key(u16 vmid) { return {0x4000'0000u + u64{vmid} * 0x1000, 0x8000'0000, vmid, true}; }
void fill(World& w, World::Shadow& s, u64 page) {
    L2Fault f;
    f.ipa = L2Ipa(World::kBigBase + (page << 12));
    World::check(w.access(s, nullptr, f).outcome == FaultOutcome::kResolved, "fill");
}

TEST(ShadowKey, WhatTellsContextsApart) {
    using arch::VTCR_EL2, arch::VTTBR_EL2;
    const auto vttbr = VTTBR_EL2::of(0x1234'0000'4000'0001);
    const auto vtcr = VTCR_EL2::of(0x8008'3558);  // VS
    EXPECT_EQ(shadow_key(vttbr, vtcr, true, true), (ShadowKey{0x4000'0000, vtcr.raw, 0x1234, true})) << "CnP does not count";
    EXPECT_EQ(shadow_key(vttbr, vtcr, true, false).vmid, 0x34);
    EXPECT_EQ(shadow_key(vttbr, vtcr.with<VTCR_EL2::VS>(0), true, true).vmid, 0x34);
    EXPECT_EQ(shadow_key(vttbr, vtcr, false, true), (ShadowKey{0, 0, 0x1234, false})) << "off: only the VMID counts";
}

TEST(ShadowPool, HitsMissesAndLeastRecentlyUsed) {
    test::port().reset();
    {
        World w(64, 1);  // four shadows
        auto& pool = w.mmu.pool();
        World::Shadow* s[4];
        for (u16 i = 0; i < 4; i++) {
            s[i] = &w.get(key(i));
            fill(w, *s[i], i);
        }
        EXPECT_EQ(pool.count(), 4u);
        EXPECT_EQ(pool.get(key(9)).error(), Errno::kBusy) << "all in use";
        {
            Guard guard(w.lock);
            pool.put(*s[2]);
            pool.put(*s[0]);
            pool.put(*s[3]);
            EXPECT_EQ(pool.find_and_hold(key(2)), s[2]);
            pool.put(*s[2]);  // now 0, 3, 2
        }
        World::Shadow& nine = w.get(key(9));
        EXPECT_EQ(&nine, s[0]);
        EXPECT_FALSE(nine.tables.walk(L2Ipa(World::kBigBase)).valid) << "an evicted shadow starts empty";
        EXPECT_EQ(&w.get(key(2)), s[2]);
        EXPECT_EQ(&w.get(key(0)), s[3]);
        EXPECT_EQ(w.mmu.stats().evictions, 2u);
        EXPECT_EQ(w.mmu.stats().hits, 2u);
        EXPECT_EQ(w.mmu.stats().misses, 7u);
        EXPECT_EQ(w.mmu.rmap().count(), 2u) << "what shadows 1 and 2 map";
    }
    EXPECT_TRUE(test::port().nothing_leaked());
}

TEST(ShadowPool, EveryAllocationMayFail) {
    for (u64 n = 1;; n++) {
        test::port().reset();
        World w(64, 2);
        test::port().fail_allocation = n;
        auto s = w.mmu.pool().get(key(1));
        const bool failed = !s.ok();
        test::port().fail_allocation = 0;
        if (!failed)
            break;
        EXPECT_EQ(s.error(), Errno::kNoMem);
        for (u16 i = 0; i < 8; i++)
            EXPECT_TRUE(w.mmu.pool().get(key(i)).ok()) << "a failure costs no place";
        ASSERT_LT(n, 20u);
    }
    EXPECT_TRUE(test::port().nothing_leaked());
}

// CVE-2026-46317: vCPUs come and contexts change while notifiers walk the pool. Run under ASan; the array never moves.
TEST(ShadowPool, NotifiersWhileThePoolGrowsAndEvicts) {
    test::port().reset();
    {
        World w(8, 8);
        const void* array = w.mmu.pool().array();
        {
            Guard guard(w.lock);
            w.mmu.pool().set_vcpus(1);
        }
        for (u64 p = 0; p < 64; p++)
            World::check(w.fault_in(arch::Ipa(World::kBigBase + (p << 12)), true), "memory");
        Atomic<bool> stop;
        std::thread notifier([&] {
            for (u64 i = 0; !stop.load_acquire(); i++) {
                Guard guard(w.lock);
                w.mmu.unmap_gfns((World::kBigBase >> 12) + i % 64, (World::kBigBase >> 12) + i % 64 + 8, Cause::kNotifier);
                w.mmu.write_protect_gfns(World::kBigBase >> 12, (World::kBigBase >> 12) + i % 64);
                (void)w.mmu.age_gfns(0, ~u64{0} >> 12, true);
                ShadowTlbi all;
                World::Mmu::Cursor cursor;
                (void)w.mmu.invalidate(all, cursor, 100);
            }
        });
        auto vcpu = [&](unsigned seed) {
            std::mt19937 random(seed);
            stage2::TableCache cache;
            for (unsigned i = 0; i < 150; i++) {
                auto s = w.mmu.pool().get(key(static_cast<u16>(random() % 12)));
                if (!s.ok())
                    continue;
                for (unsigned k = 0; k < 8; k++) {
                    World::check(World::Mmu::top_up(*s.value(), cache).ok(), "memory");
                    L2Fault f;
                    f.ipa = L2Ipa(World::kBigBase + (u64{random() % 64} << 12));
                    Guard guard(w.lock);
                    World::check(w.mmu.resolve(*s.value(), nullptr, f, cache).outcome == FaultOutcome::kResolved, "resolve");
                }
                Guard guard(w.lock);
                w.mmu.pool().put(*s.value());
                w.mmu.pool().set_vcpus(1 + i / 20);
            }
        };
        std::thread one(vcpu, 1), two(vcpu, 2);
        one.join();
        two.join();
        stop.store_release(true);
        notifier.join();
        EXPECT_EQ(w.mmu.pool().array(), array);
        EXPECT_GT(w.mmu.stats().evictions, 0u);
    }
    EXPECT_TRUE(test::port().nothing_leaked());
}

TEST(ShadowMmu, WithoutRoomInTheReverseMapTheShadowGoesAsAWhole) {
    World w(1);
    World::Shadow& s = w.get(key(1));
    World::Shadow& t = w.get(key(2));
    fill(w, t, 500);
    for (u64 p = 0; p < 200; p++)
        fill(w, s, p);
    EXPECT_TRUE(s.untracked());
    EXPECT_FALSE(t.untracked());
    w.canonical_unmap(World::kBigBase + (u64{199} << 12), World::kBigBase + (u64{200} << 12));
    EXPECT_FALSE(s.tables.walk(L2Ipa(World::kBigBase)).valid);
    EXPECT_FALSE(s.untracked());
    EXPECT_TRUE(t.tables.walk(L2Ipa(World::kBigBase + (u64{500} << 12))).valid) << "the other one has nothing to do with it";
    EXPECT_EQ(w.mmu.stats().overflows, 1u);
    EXPECT_GT(w.mmu.stats().untracked, 0u);
}

// Two frames of L1 that are one page of the VMM (an alias, or the shared zero page): each leaf goes with its own frame.
TEST(ShadowMmu, LeafFollowsTheFrameNotTheMemory) {
    World w;
    const u64 first = World::kBigBase, second = World::kBigBase + 0x10'0000;
    World::check(w.fault_in(arch::Ipa(first), true), "memory");
    {
        World::check(w.canonical.top_up(w.cache).ok(), "memory");
        Guard guard(w.lock);
        World::check(w.canonical.map(w.cache, arch::Ipa(second), w.backing(first), 12, {stage2::kProtRwx}).ok(), "alias");
    }
    using V = arch::VTCR_EL2;
    const V vtcr = V::of(arch::kVtcrRes1).with<V::SL0>(0).with<V::T0SZ>(39).with<V::PS>(5);  // 25 bits from level 2
    *w.word(arch::Ipa(World::kRamBase)) = (World::kRamBase + 0x1000) | 3;
    u64& leaf = *w.word(arch::Ipa(World::kRamBase + 0x1000));
    const u64 attributes = 1 << 10 | 3 << 6 | 15 << 2 | 3;
    MmuFeatures vm;
    vm.stage2_granules = 1;
    const Stage2Regime regime = stage2_regime(arch::VTTBR_EL2::of(World::kRamBase), vtcr, false, false, vm);
    World::Shadow& s = w.get({World::kRamBase, vtcr.raw, 1, true});
    leaf = first | attributes;
    EXPECT_EQ(w.access(s, &regime, {}).outcome, FaultOutcome::kResolved);
    leaf = second | attributes;  // without a TLBI
    EXPECT_EQ(w.access(s, &regime, {}).outcome, FaultOutcome::kResolved);
    w.canonical_unmap(first, first + 4096);
    EXPECT_TRUE(s.tables.walk(L2Ipa(0)).valid);
    w.canonical_unmap(second, second + 4096);
    EXPECT_FALSE(s.tables.walk(L2Ipa(0)).valid);
}

// A pool of four shadows, all of them in use and empty.
struct CleanPort : testing::Test {
    CleanPort() { test::port().reset(); }
};
struct FullPool : CleanPort {
    FullPool() {
        for (u16 i = 0; i < 4; i++)
            s[i] = &w.get(key(i));
    }
    World w{64, 1};
    World::Shadow* s[4];
};

// L2's stage 1 is cached under the shadow's VMID even where its stage 2 has nothing.
TEST_F(FullPool, AnEvictedShadowsVmidIsCleanThoughItWasEmpty) {
    {
        Guard guard(w.lock);
        w.mmu.pool().put(*s[0]);
    }
    w.cpu.log.clear();
    EXPECT_EQ(&w.get(key(9)), s[0]);
    bool dropped = false;
    for (const test::Event& e : w.cpu.log)
        dropped |= e.kind == test::Event::kTlbi && e.what == static_cast<u64>(arch::Tlbi::VMALLS12E1IS);
    EXPECT_TRUE(dropped);
}

// While one vCPU empties a shadow for its L2, another one makes a shadow of the same L2: the first is not needed, and free
// for the next.
TEST_F(FullPool, AShadowThatCameTooLateIsFreeForTheNext) {
    {
        Guard guard(w.lock);
        for (World::Shadow* one : s)
            w.mmu.pool().put(*one);
    }
    World::Shadow* faster = nullptr;
    bool began = false;
    test::port().on_relax = [&] {
        if (!std::exchange(began, true))
            faster = &w.get(key(9));
    };
    EXPECT_EQ(&w.get(key(9)), s[1]);
    test::port().on_relax = nullptr;
    EXPECT_EQ(faster, s[1]);
    EXPECT_EQ(&w.get(key(10)), s[2]);
    EXPECT_EQ(&w.get(key(11)), s[3]);
    EXPECT_EQ(&w.get(key(12)), s[0]);
}

}  // namespace
