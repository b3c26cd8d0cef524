// SPDX-License-Identifier: GPL-2.0-only
// The mmu lock is held for a bounded time, however many addresses of L2's lead to the memory that changes.
#include <tests/unit/kvm/nested/fixture.hpp>
#include <tuple>

namespace nest::kvm {
namespace {

// An explicit instantiation may name private members; this hands one out.
template <auto Member>
struct Part {
    friend constexpr auto part(std::integral_constant<int, 0>) { return Member; }
};
constexpr auto part(std::integral_constant<int, 0>);
template struct Part<&VmStage2::shadows_>;

struct MmuAliases : NestedVmTest {
    static constexpr u64 kFrames = 512, kTimes = 40, kLeaves = kFrames * kTimes;

    void SetUp() override {
        NestedVmTest::SetUp();
        for (u64 i = 0; i < kLeaves; i++) {
            map_l2(kL2 + i * kPage, kData + i % kFrames * kPage);
            ASSERT_EQ(access(kL2 + i * kPage), Next::kResume);
        }
        ASSERT_EQ(shadows().rmap().count(), kLeaves);
    }
    Shadows& shadows() { return *(core().vm.stage2.*part(std::integral_constant<int, 0>{})); }
    u64 holds() { return test::thread_context().spinlocks_taken; }
    static constexpr u64 first() { return kData / kPage; }
    static constexpr u64 end() { return first() + kFrames; }
};

TEST_F(MmuAliases, WhatChangesASlotTakesFewFramesAtATime) {
    for (bool unmap : {false, true}) {
        u64 pieces = 0, most = 0;
        size_t left = kLeaves;
        test::port().on_relax = [&] {
            EXPECT_EQ(test::thread_context().spinlocks, 0u);
            const size_t gone = left - shadows().rmap().count();
            most = gone > most ? gone : most;
            left -= gone;
            pieces++;
        };
        if (unmap)
            core().vm.stage2.unmap_gfns(first(), end());
        else
            core().vm.stage2.write_protect_gfns(first(), end());
        test::port().on_relax = nullptr;
        EXPECT_GE(pieces, 3u) << "of at most 8192 leaves";
        EXPECT_LE(most, 8192u);
        EXPECT_EQ(left, unmap ? 0 : kLeaves);
        for (u64 i = 0; i < kLeaves; i++)
            ASSERT_FALSE(shadow_leaf(kL2 + i * kPage).attributes.prot.w) << i;
    }
}

TEST_F(MmuAliases, ANotifierLetsOthersHaveTheLock) {
    auto& stage2 = core().vm.stage2;
    const arch::Hva from(reinterpret_cast<u64>(hva(kData))), to = from + kFrames * kPage;
    u64 before = 0;
    for (bool wanted : {false, true}) {
        test::port().spin_needbreak = wanted;
        before = holds();
        EXPECT_TRUE(stage2.notifier_age(core().vm.slots, from, to, false)) << "of the first piece";
        EXPECT_TRUE(stage2.notifier_age(core().vm.slots, from, to, true));
        EXPECT_GE(holds() - before, wanted ? 6u : 2u);
        EXPECT_FALSE(stage2.notifier_age(core().vm.slots, from, to, false));
        for (u64 i = 0; i < kLeaves; i++)
            ASSERT_EQ(access(kL2 + i * kPage, arch::kFscAccessFlag | 3), Next::kResume);
    }
    before = holds();
    stage2.notifier_start(core().vm.slots, from, to);
    EXPECT_GE(holds() - before, 3u);
    EXPECT_EQ(shadows().rmap().count(), 0u);
    stage2.notifier_end(core().vm.slots, from, to);
}

// The reverse map is full: the shadow goes, whatever changes, and before anybody relies on the change.
TEST_F(MmuAliases, AnUntrackedShadowIsGoneWhenTheChangeIsDone) {
    const arch::Hva from(reinterpret_cast<u64>(hva(kData)));
    for (unsigned how : {0u, 1u, 2u}) {
        core().vm.stage2.unmap_gfns(0, end());
        ASSERT_EQ(shadows().rmap().count(), 0u);
        auto& rmap = const_cast<nested::Rmap&>(shadows().rmap());
        rmap.destroy();
        ASSERT_TRUE(rmap.init(1).ok());
        const auto touch = [&](u64 i) { ASSERT_EQ(access(kL2 + i * kPage), Next::kResume); };
        for (u64 i = 0; i < kFrames; i++)
            touch(i);
        ASSERT_TRUE(shadows().has_untracked());
        const u64 last = end() - 1, place = kL2 + (kFrames - 1) * kPage;
        ASSERT_TRUE(shadow_leaf(place).valid);
        u64 relaxed = 0;
        test::port().on_relax = [&] { relaxed++; };
        switch (how) {
        case 0: core().vm.stage2.unmap_gfns(last, last + 1); break;
        case 1: core().vm.stage2.write_protect_gfns(last, last + 1); break;
        default:
            core().vm.stage2.notifier_start(core().vm.slots, from + (kFrames - 1) * kPage, from + kFrames * kPage);
            core().vm.stage2.notifier_end(core().vm.slots, from + (kFrames - 1) * kPage, from + kFrames * kPage);
            EXPECT_EQ(relaxed, 0u) << "a notifier may not sleep";
            break;
        }
        test::port().on_relax = nullptr;
        EXPECT_FALSE(shadow_leaf(place).attributes.prot.w);
        EXPECT_FALSE(shadows().has_untracked());
    }
}

}  // namespace
}  // namespace nest::kvm
