// SPDX-License-Identifier: GPL-2.0-only
#include <tests/unit/timer/fixture.hpp>

namespace nest::timer {
namespace {

struct VmTest : testing::Test {
    HostTimers host;
    VmTimers vm{host, 5000};
};

TEST_F(VmTest, TheVirtualCountStartsAtZero) {
    EXPECT_EQ(vm.virtual_offset().load_relaxed(), 5000u);
    EXPECT_EQ(vm.physical_offset().load_relaxed(), 0u);
}

TEST_F(VmTest, CountersCanBeSetOneByOneAndEachChangesTheGeneration) {
    const u32 before = vm.generation();
    vm.set_virtual_count(100, 5000);
    EXPECT_EQ(vm.virtual_offset().load_relaxed(), 4900u);
    vm.set_physical_count(6000, 5000);
    EXPECT_EQ(vm.physical_offset().load_relaxed(), static_cast<u64>(-1000));
    EXPECT_EQ(vm.generation(), before + 2);
}

TEST_F(VmTest, AChosenOffsetHoldsForBothAndForEver) {
    EXPECT_EQ(vm.set_counter_offset(77, 1).error(), Errno::kInval);
    EXPECT_EQ(vm.virtual_offset().load_relaxed(), 5000u);
    EXPECT_TRUE(vm.set_counter_offset(77, 0).ok());
    vm.set_virtual_count(0, 9999);
    vm.set_physical_count(0, 9999);
    vm.start_virtual_count(12345);
    EXPECT_EQ(vm.virtual_offset().load_relaxed(), 77u);
    EXPECT_EQ(vm.physical_offset().load_relaxed(), 77u);
    EXPECT_TRUE(vm.set_counter_offset(78, 0).ok());
    EXPECT_EQ(vm.physical_offset().load_relaxed(), 78u);
}

// What a VMM does at start: it reads the counter and writes it back a little later.
TEST_F(VmTest, WithoutCntpoffAnEl2VmIsNotOffsetByAFewSeconds) {
    const u64 second = 1'000'000'000, now = 100 * second;
    const u32 before = vm.generation();
    vm.set_el2_count(now - second, now);
    EXPECT_EQ(vm.physical_offset().load_relaxed(), 0u);
    EXPECT_EQ(vm.generation(), before);
    vm.set_el2_count(now + 1, now);  // ahead: the guest would see time go back
    EXPECT_EQ(vm.physical_offset().load_relaxed(), ~u64{0});
    vm.set_el2_count(now - second, now);  // once offset, always exact
    EXPECT_EQ(vm.physical_offset().load_relaxed(), second);
}
TEST_F(VmTest, AnEl2VmIsOffsetByMoreOrWhereItIsFree) {
    const u64 now = u64{1} << 60;
    vm.set_el2_count(now - VmTimers::kUnnoticedNs, now);
    EXPECT_EQ(vm.physical_offset().load_relaxed(), VmTimers::kUnnoticedNs);
    HostTimers free;
    free.cntpoff = true;
    VmTimers other(free, 0);
    other.set_el2_count(now - 1, now);
    EXPECT_EQ(other.physical_offset().load_relaxed(), 1u);
}

TEST_F(VmTest, PpiAttributesFailInLinuxsOrder) {
    EXPECT_EQ(vm.set_ppi(false, 0, 27).error(), Errno::kInval);
    for (s32 bad : {-1, 0, 15, 32, 1020})
        EXPECT_EQ(vm.set_ppi(true, 0, bad).error(), Errno::kInval) << bad;
    EXPECT_EQ(vm.set_ppi(true, 4, 15).error(), Errno::kInval);
    EXPECT_EQ(vm.set_ppi(true, 4, 16).error(), Errno::kNxIo);
    EXPECT_EQ(vm.ppi(u64{4}).error(), Errno::kNxIo);
    EXPECT_EQ(VmTimers::has_attribute(4).error(), Errno::kNxIo);
    const u32 defaults[] = {27, 30, 28, 26};
    for (u64 i = 0; i < 4; i++) {
        EXPECT_TRUE(VmTimers::has_attribute(i).ok());
        EXPECT_EQ(vm.ppi(i).value(), defaults[i]);
    }
    EXPECT_TRUE(vm.set_ppi(true, 1, 20).ok());
    EXPECT_EQ(vm.ppi(TimerId::kPhysical), 20u);
}

TEST_F(VmTest, PpisMustDifferAtTheFirstRunAndThenStay) {
    ASSERT_TRUE(vm.set_ppi(true, 1, 27).ok());
    EXPECT_EQ(vm.freeze_ppis(2).error(), Errno::kInval);
    ASSERT_TRUE(vm.set_ppi(true, 1, 28).ok());  // HVTIMER's, which a guest without EL2 does not have
    EXPECT_EQ(vm.freeze_ppis(4).error(), Errno::kInval);
    EXPECT_TRUE(vm.freeze_ppis(2).ok());
    EXPECT_EQ(vm.set_ppi(true, 0, 16).error(), Errno::kBusy);
    EXPECT_EQ(vm.set_ppi(true, 9, 16).error(), Errno::kBusy);
}

}  // namespace
}  // namespace nest::timer
