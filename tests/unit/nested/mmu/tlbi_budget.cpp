// SPDX-License-Identifier: GPL-2.0-only
// What one TLBI of L1's costs while interrupts are masked, or the lock is held, with as many shadows of one VMID as L1 likes.
#include <gtest/gtest.h>
#include <tests/unit/nested/mmu/world.hpp>

namespace {
using namespace nest;
using namespace nest::nested;
using arch::L2Ipa;
using test::Event;
using test::L2Fault;
using test::World;

struct TlbiBudget : testing::TestWithParam<ShadowTlbi::What> {
    static constexpr unsigned kShadows = 64, kPages = 40, kBudget = 4096;
    static constexpr u16 kVmid = 5;

    World world{64, kShadows / ShadowPool<test::WatchedMemory>::kPerVcpu};
    MmuFeatures vm;

    void SetUp() override {
        vm.pa_bits = 48;
        vm.stage2_granules = 7;
    }
    // Each with its own root, a block of 1 GiB, of which L2 has touched some pages.
    void make(unsigned count) {
        using V = arch::VTCR_EL2;
        const auto vtcr = V::of(arch::kVtcrRes1).with<V::SL0>(1).with<V::T0SZ>(32).with<V::PS>(5);
        for (unsigned i = 0; i < count; i++) {
            const u64 root = World::kRamBase + u64{i} * 0x1000;
            *world.word(arch::Ipa(root)) = World::kBigBase | 1 << 10 | 3 << 6 | 15 << 2 | 1;
            const Stage2Regime regime = stage2_regime(arch::VTTBR_EL2::of(root), vtcr, false, false, vm);
            World::Shadow& s = world.get({root, vtcr.raw, kVmid, true});
            for (unsigned page = 0; page < kPages; page++) {
                L2Fault f;
                f.ipa = L2Ipa(u64{page} << 12);
                ASSERT_EQ(world.access(s, &regime, f).outcome, FaultOutcome::kResolved);
            }
        }
        world.cpu.log.clear();
    }
    ShadowTlbi scope() const {
        ShadowTlbi t;
        t.what = GetParam();
        t.vmid = kVmid;
        t.start = 0x3000;
        t.bytes = 0x4000;
        return t;
    }
    // TLBIs that all CPUs take part in, since the last look.
    unsigned broadcasts() {
        unsigned n = 0;
        for (const Event& e : world.cpu.log)
            n += e.kind == Event::kTlbi;
        world.cpu.log.clear();
        return n;
    }
    size_t leaves() { return world.mmu.rmap().count(); }
    bool drops_leaves() const { return GetParam() != ShadowTlbi::What::kStage1; }
};

TEST_P(TlbiBudget, TierZeroLeavesWhatIsTooMuch) {
    make(kShadows);
    const size_t before = leaves();
    {
        Guard guard(world.lock);
        EXPECT_FALSE(world.mmu.invalidate_at_once(scope(), kBudget));
    }
    EXPECT_LE(before - leaves(), kBudget / 4u);
    EXPECT_LE(broadcasts(), 3 * kBudget / kFlushCost + 3) << "at most three each";
}

TEST_P(TlbiBudget, TierZeroDoesOneItself) {
    make(1);
    Guard guard(world.lock);
    EXPECT_TRUE(world.mmu.invalidate_at_once(scope(), kBudget));
    EXPECT_EQ(leaves(), drops_leaves() ? 0u : kPages);
    EXPECT_GE(broadcasts(), 1u);
}

TEST_P(TlbiBudget, TierOneComesToAnEndInPieces) {
    make(kShadows);
    World::Mmu::Cursor cursor;
    unsigned pieces = 1;
    for (bool done = false; !done; pieces++) {
        ASSERT_LT(pieces, 1000u);
        Guard guard(world.lock);
        done = world.mmu.invalidate(scope(), cursor, 1024);
        EXPECT_LE(broadcasts(), 3 * 1024 / kFlushCost + 3);
    }
    EXPECT_GT(pieces, 4u);
    EXPECT_EQ(leaves(), drops_leaves() ? 0u : size_t{kShadows} * kPages);
}

INSTANTIATE_TEST_SUITE_P(Scopes, TlbiBudget,
                         testing::Values(ShadowTlbi::What::kEverything, ShadowTlbi::What::kVmid, ShadowTlbi::What::kStage1,
                                         ShadowTlbi::What::kIpa, ShadowTlbi::What::kIpaRange));

// A page each: what tires is not the look at the tables, but a TLBI for each shadow.
TEST(TlbiBudgetOfPages, EachTlbiCounts) {
    constexpr unsigned kShadows = 64;
    constexpr u16 kVmid = 5;
    World world{64, kShadows / ShadowPool<test::WatchedMemory>::kPerVcpu};
    MmuFeatures vm;
    vm.pa_bits = 48;
    vm.stage2_granules = 7;
    using V = arch::VTCR_EL2;
    const auto vtcr = V::of(arch::kVtcrRes1).with<V::SL0>(1).with<V::T0SZ>(32).with<V::PS>(5);
    for (u64 i = 0; i < kShadows; i++) {
        const u64 root = World::kRamBase + i * 0x3000;
        *world.word(arch::Ipa(root)) = (root + 0x1000) | 3;
        *world.word(arch::Ipa(root + 0x1000)) = (root + 0x2000) | 3;
        *world.word(arch::Ipa(root + 0x2000)) = World::kBigBase | 1 << 10 | 3 << 6 | 15 << 2 | 3;
        const Stage2Regime regime = stage2_regime(arch::VTTBR_EL2::of(root), vtcr, false, false, vm);
        ASSERT_EQ(world.access(world.get({root, vtcr.raw, kVmid, true}), &regime, L2Fault{}).outcome, FaultOutcome::kResolved);
    }
    ShadowTlbi scope;
    scope.what = ShadowTlbi::What::kIpa;
    scope.vmid = kVmid;
    scope.leaf_shift = 12;
    Guard guard(world.lock);
    EXPECT_FALSE(world.mmu.invalidate_at_once(scope, kShadows / 2 * kFlushCost));
    EXPECT_GE(world.mmu.rmap().count(), kShadows / 2 - 1u);
}

}  // namespace
