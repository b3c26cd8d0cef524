// SPDX-License-Identifier: GPL-2.0-only
// Stage-2 faults against MMU notifiers and changes of the slots, in every order.
#include <kvm/memory/hva_ranges.hpp>
#include <tests/unit/kvm/fault/fixture.hpp>

namespace nest::kvm {
namespace {

using arch::Hva;

struct MmuNotifier : FaultTest {
    static constexpr u64 kPage = arch::kPageSize;
    u64 faults() { return core().stats.stage2_faults; }

    void SetUp() override {
        FaultTest::SetUp();
        make_vcpu();
        mapping().block_shift = 12;
        ASSERT_EQ(set_slot(0, kGpa, 0, k2M), 0);
    }
    void start(u64 offset, u64 bytes) { nest_mmu_invalidate_start(vm, hva(offset), hva(offset) + bytes); }
    void end(u64 offset, u64 bytes) { nest_mmu_invalidate_end(vm, hva(offset), hva(offset) + bytes); }
    // Does this while the first page is being brought in.
    void meanwhile(std::function<void()> what) {
        test::port().on_page_get = [what](u64) {
            test::port().on_page_get = nullptr;
            what();
        };
    }
};

TEST_F(MmuNotifier, NothingIsMappedInARangeInProgress) {
    start(0, kPage);
    EXPECT_EQ(run_steps({writes(kGpa), writes(kGpa + kPage)}), kInterrupted);
    EXPECT_FALSE(leaf(kGpa).valid);
    EXPECT_TRUE(leaf(kGpa + kPage).valid) << "its neighbour is not concerned";
    end(0, kPage);
    EXPECT_EQ(run_steps({writes(kGpa)}), kInterrupted);
    EXPECT_TRUE(leaf(kGpa).valid);
}

TEST_F(MmuNotifier, StartTakesWhatIsMapped) {
    EXPECT_EQ(run_steps({writes(kGpa), writes(kGpa + kPage)}), kInterrupted);
    start(0, kPage);
    EXPECT_FALSE(leaf(kGpa).valid);
    EXPECT_TRUE(leaf(kGpa + kPage).valid);
    end(0, kPage);
}

TEST_F(MmuNotifier, APageFromBeforeTheEndIsNotMapped) {
    meanwhile([&] { start(0, kPage), end(0, kPage); });
    EXPECT_EQ(run_steps({writes(kGpa)}), kInterrupted);
    EXPECT_FALSE(leaf(kGpa).valid) << "it began and ended behind the fault's back";
    start(0, kPage);
    meanwhile([&] { end(0, kPage); });
    EXPECT_EQ(run_steps({writes(kGpa)}), kInterrupted);
    EXPECT_FALSE(leaf(kGpa).valid) << "it ended";
    meanwhile([&] { start(0, kPage); });
    EXPECT_EQ(run_steps({writes(kGpa)}), kInterrupted);
    EXPECT_FALSE(leaf(kGpa).valid) << "it began";
    end(0, kPage);
    EXPECT_EQ(test::port().live_page_refs, 0u);
}

TEST_F(MmuNotifier, ChangesOutsideTheSlotsHoldNobodyUp) {
    start(2 * k2M, k2M);  // one thread never ends...
    test::port().on_page_get = [&](u64) { start(k2M, k2M), end(k2M, k2M); };  // ... another one begins and ends
    EXPECT_EQ(run_steps({writes(kGpa), reads(kGpa + kPage)}), kInterrupted);
    EXPECT_TRUE(leaf(kGpa).valid);
    EXPECT_TRUE(leaf(kGpa + kPage).valid);
    end(2 * k2M, k2M);
}

TEST_F(MmuNotifier, ARangeThatBeganBeforeItsSlotWasThereIsInProgress) {
    start(k2M, kPage);
    ASSERT_EQ(set_slot(1, kGpa + k2M, k2M, k2M), 0);
    EXPECT_EQ(run_steps({writes(kGpa + k2M)}), kInterrupted);
    EXPECT_FALSE(leaf(kGpa + k2M).valid);
    meanwhile([&] { end(k2M, kPage); });
    EXPECT_EQ(run_steps({writes(kGpa + k2M)}), kInterrupted);
    EXPECT_FALSE(leaf(kGpa + k2M).valid) << "the page is of before the end";
    EXPECT_EQ(run_steps({writes(kGpa + k2M)}), kInterrupted);
    EXPECT_TRUE(leaf(kGpa + k2M).valid);
}

TEST_F(MmuNotifier, ABlockLeavesOutANeighbourOnItsWayOut) {
    mapping().block_shift = 21;
    start(5 * kPage, kPage);
    EXPECT_EQ(run_steps({writes(kGpa)}), kInterrupted);
    EXPECT_TRUE(leaf(kGpa).valid);
    EXPECT_EQ(leaf(kGpa).level, 3u);
    EXPECT_FALSE(leaf(kGpa + 5 * kPage).valid);
    end(5 * kPage, kPage);
    EXPECT_EQ(run_steps({writes(kGpa + kPage)}), kInterrupted);
    EXPECT_EQ(leaf(kGpa + 5 * kPage).level, 2u) << "afterwards all of it";
}

TEST_F(MmuNotifier, ALargeRangeLetsOthersHaveTheLock) {
    constexpr u64 kFar = u64{1} << 30;
    test::UserMapping far;
    far.start = hva(kFar);
    far.bytes = 64 * k2M;
    far.pa = kPa + kFar;
    test::port().user_mappings.push_back(far);
    ASSERT_EQ(set_slot(1, kGpa + k2M, kFar, 64 * k2M), 0);
    const std::vector<u64> pages{kGpa, kGpa + k2M, kGpa + 20 * k2M, kGpa + 64 * k2M};
    std::vector<Step> steps;
    for (u64 page : pages)
        steps.push_back(writes(page));
    u64 holds = 0;
    for (bool wanted : {false, true}) {
        ASSERT_EQ(run_steps(steps), kInterrupted);
        for (u64 page : pages)
            ASSERT_TRUE(leaf(page).valid);
        test::port().spin_needbreak = wanted;
        const u64 before = test::thread_context().spinlocks_taken;
        start(0, 2 * kFar);
        EXPECT_GE(test::thread_context().spinlocks_taken - before, wanted ? 5 * holds : 1) << "32 MiB of a slot at a time";
        holds = test::thread_context().spinlocks_taken - before;
        test::port().spin_needbreak = false;
        for (u64 page : pages)
            EXPECT_FALSE(leaf(page).valid) << std::hex << page;
        end(0, 2 * kFar);
    }
}

// A walker in tier 0 looks at the tables without a lock, with interrupts off: who has taken an interrupt is past that.
TEST_F(MmuNotifier, TablesAreFreedOnceEveryCpuHasTakenAnInterrupt) {
    constexpr u64 kFar = u64{1} << 30, kTables = 72;
    test::UserMapping far;
    far.start = hva(kFar);
    far.bytes = kTables * k2M;
    far.pa = kPa + kFar;
    test::port().user_mappings.push_back(far);
    ASSERT_EQ(set_slot(1, kGpa + k2M, kFar, kTables * k2M), 0);
    std::vector<Step> steps;
    for (u64 i = 1; i <= kTables; i++)
        steps.push_back(writes(kGpa + i * k2M));
    ASSERT_EQ(run_steps(steps), kInterrupted);
    const size_t before = test::port().live_runs;
    size_t at_interrupt = 0;
    unsigned interrupts = 0;
    test::port().cpu_call = [&](unsigned, void*) {
        interrupts++;
        at_interrupt = test::port().live_runs;
    };
    ASSERT_EQ(set_slot(1, 0, 0, 0), 0);
    EXPECT_EQ(interrupts, test::port().cpu_limit);
    EXPECT_EQ(at_interrupt, before);
    EXPECT_LE(test::port().live_runs, before - kTables);
}

TEST_F(MmuNotifier, TheEndOfAnAddressSpaceIsOver) {
    nest_mmu_release(vm);
    Guard guard(core().vm.mmu_lock);
    EXPECT_TRUE(core().vm.stage2.may_map(core().vm.stage2.seq(), Hva(hva()), Hva(hva() + kPage)));
}

// Pages of 64 KiB on the host: the kernel names one address of a page, and the guest has used another part of it.
TEST_F(MmuNotifier, APageIsAsYoungAsTheYoungestFrameInIt) {
    ASSERT_EQ(run_steps({reads(kGpa + 5 * kPage)}), kInterrupted);
    const auto young = [&] { return nest_mmu_age(vm, hva(kPage), hva(kPage) + 1, false); };
    EXPECT_FALSE(young());
    test::port().page_shift = 16;
    EXPECT_TRUE(young());
    EXPECT_TRUE(nest_mmu_age(vm, hva(kPage), hva(kPage) + 1, true));
    EXPECT_FALSE(young());
    test::port().page_shift = 12;
}

TEST(HvaRangesTest, KnowsEachRangeAndForgetsItOnce) {
    HvaRanges ranges;
    EXPECT_FALSE(ranges.overlap(Hva(0), Hva(~u64{0})));
    ranges.add(Hva(0x2000), Hva(0x3000));
    ranges.add(Hva(0x2000), Hva(0x3000));
    ranges.add(Hva(0x6000), Hva(0x9000));
    EXPECT_FALSE(ranges.overlap(Hva(0x1000), Hva(0x2000)));
    EXPECT_TRUE(ranges.overlap(Hva(0x1000), Hva(0x2001)));
    EXPECT_FALSE(ranges.overlap(Hva(0x3000), Hva(0x6000))) << "between them";
    EXPECT_TRUE(ranges.overlap(Hva(0x7000), Hva(0x8000)));
    ranges.remove(Hva(0x2000), Hva(0x3000));
    EXPECT_TRUE(ranges.overlap(Hva(0x2fff), Hva(0x3000))) << "the other one of two";
    ranges.remove(Hva(0x2000), Hva(0x3000));
    EXPECT_FALSE(ranges.overlap(Hva(0x2fff), Hva(0x3000)));
    EXPECT_TRUE(ranges.overlap(Hva(0x8fff), Hva(0x9000)));
}

TEST(HvaRangesTest, ThoseBeyondItsRoomShareTheirHull) {
    HvaRanges ranges;
    const auto at = [](u64 i) { return Hva(0x10'0000 + i * 0x10'0000); };
    constexpr u64 kAll = HvaRanges::kRoom + 4;
    for (u64 i = 0; i < kAll; i++)
        ranges.add(at(i), at(i) + 0x1000);
    for (u64 i = 0; i < kAll; i++)
        EXPECT_TRUE(ranges.overlap(at(i), at(i) + 1)) << i;
    EXPECT_FALSE(ranges.overlap(at(3) + 0x1000, at(4)));
    EXPECT_TRUE(ranges.overlap(at(kAll - 2) + 0x1000, at(kAll - 1))) << "inside the hull";
    for (u64 i = 0; i < kAll - 1; i++) {
        ranges.remove(at(i), at(i) + 0x1000);
        EXPECT_TRUE(ranges.overlap(at(kAll - 1), at(kAll - 1) + 1)) << "the last of them is not done";
    }
    ranges.remove(at(kAll - 1), at(kAll - 1) + 0x1000);
    EXPECT_FALSE(ranges.overlap(Hva(0), Hva(~u64{0})));
}

}  // namespace
}  // namespace nest::kvm
