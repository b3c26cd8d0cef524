// SPDX-License-Identifier: GPL-2.0-only
// The hrtimer that stands in for a sleeping vCPU's timers, and the VMM's own interrupt controller.
#include <tests/unit/timer/fixture.hpp>

namespace nest::timer {
namespace {

using testing::ElementsAre;
using testing::Pair;

TEST_F(TimerTest, OnlyABlockedVcpuHasAnAlarm) {
    set_one_reg(kVCtl, 1);
    set_one_reg(kVCval, 1000);
    enable();
    load();
    put();
    EXPECT_EQ(test::port().armed_timers(), 0u);
    load();
    put({.blocking = true});
    EXPECT_EQ(test::port().armed_timers(), 1u);
    lines.forget();
    pass(999);
    EXPECT_TRUE(lines.levels.empty());
    pass(5);
    EXPECT_THAT(lines.levels, ElementsAre(Lines::Told{TimerId::kVirtual, true}));
    EXPECT_EQ(woken, 0u);  // waking is the interrupt controller's business
    EXPECT_EQ(test::port().armed_timers(), 0u);
}

TEST_F(TimerTest, LoadCancelsTheAlarm) {
    set_one_reg(kPCtl, 1);
    set_one_reg(kPCval, kStart + 1000);
    enable();
    load();
    put({.blocking = true});
    EXPECT_EQ(test::port().armed_timers(), 1u);
    load();
    EXPECT_EQ(test::port().armed_timers(), 0u);
}

TEST_F(TimerTest, MaskedAndDisabledTimersRaiseNoAlarm) {
    set_one_reg(kVCtl, 3);
    set_one_reg(kPCtl, 0);
    enable();
    load();
    put({.blocking = true});
    EXPECT_EQ(test::port().armed_timers(), 0u);
}

TEST_F(TimerTest, TheEarliestOfBothCounts) {
    set_one_reg(kVCtl, 1);
    set_one_reg(kVCval, 5000);
    set_one_reg(kPCtl, 1);
    set_one_reg(kPCval, kStart + 2000);
    enable();
    load();
    put({.blocking = true});
    lines.forget();
    pass(2010);
    EXPECT_THAT(lines.levels, ElementsAre(Lines::Told{TimerId::kPhysical, true}));
}

TEST_F(TimerTest, ASecondSleepIsToldAgain) {
    set_one_reg(kVCtl, 1);
    set_one_reg(kVCval, 100);
    enable();
    for (int i = 1; i <= 2; i++) {
        load();
        timers.write_register(cpu, kVTval, 100);
        put({.blocking = true});
        lines.forget();
        pass(110);
        EXPECT_THAT(lines.levels, ElementsAre(Lines::Told{TimerId::kVirtual, true})) << i;
    }
}

TEST_F(TimerTest, AnAlarmThatComesEarlyIsSetAgain) {
    set_one_reg(kVCtl, 1);
    set_one_reg(kVCval, 1000);
    enable();
    load();
    put({.blocking = true});
    lines.forget();
    cpu.count = kStart + 400;  // the host's clock ran ahead of the counter
    EXPECT_FALSE(timers.on_soft_timer(cpu));
    EXPECT_TRUE(lines.levels.empty());
    EXPECT_EQ(test::port().armed_timers(), 1u);
}

TEST_F(TimerTest, AFarDeadlineNeitherWrapsNorFires) {
    set_one_reg(kVCtl, 1);
    set_one_reg(kVCval, ~u64{0});
    enable();
    load();
    put({.blocking = true});
    EXPECT_EQ(test::port().armed_timers(), 1u);
    lines.forget();
    pass(u64{1} << 40);
    EXPECT_TRUE(lines.levels.empty());
    EXPECT_EQ(test::port().armed_timers(), 1u);
}

TEST_F(TimerTest, WfitWakesByItself) {
    enable();
    load();
    put({.blocking = true, .has_deadline = true, .deadline = 300});
    pass(299);
    EXPECT_EQ(woken, 0u);
    pass(10);
    EXPECT_EQ(woken, 1u);
    EXPECT_TRUE(timers.count_reached(cpu, 300));
    EXPECT_FALSE(timers.count_reached(cpu, 3000));
    load();
    put({.blocking = true});  // the deadline belonged to that one wait
    EXPECT_EQ(test::port().armed_timers(), 0u);
}

// The guest's GIC does not let the tick's PPI through (the fixture's lines never wake): the vCPU sleeps on.
TEST_F(TimerTest, WfitEndsThoughATimerFiredInVain) {
    set_one_reg(kVCtl, 1);
    set_one_reg(kVCval, 100);
    enable();
    load();
    put({.blocking = true, .has_deadline = true, .deadline = 5000});
    lines.forget();
    pass(200);
    EXPECT_THAT(lines.levels, ElementsAre(Lines::Told{TimerId::kVirtual, true}));
    EXPECT_EQ(woken, 0u);
    EXPECT_EQ(test::port().armed_timers(), 1u) << "WFIT's own";
    pass(4700);
    EXPECT_EQ(woken, 0u);
    pass(200);
    EXPECT_EQ(woken, 1u);
    EXPECT_EQ(test::port().armed_timers(), 0u) << "told once";
    EXPECT_EQ(lines.levels.size(), 1u);
}

TEST_F(TimerTest, WfitEndsThoughATimerHadFiredBefore) {
    set_one_reg(kPCtl, 1);
    set_one_reg(kPCval, kStart - 1);
    enable();
    load();
    put({.blocking = true, .has_deadline = true, .deadline = 5000});
    pass(1);
    EXPECT_EQ(test::port().armed_timers(), 1u);
    pass(5000);
    EXPECT_EQ(woken, 1u);
}

// Put again by a spurious wake-up, or preempted in between: the wait is the same, and so is its deadline.
TEST_F(TimerTest, ADeadlineThatWasToldIsSetAgainWithTheWait) {
    enable();
    load();
    const Wait wait{.blocking = true, .has_deadline = true, .deadline = 300};
    put(wait);
    pass(310);
    load();
    put(wait);
    pass(1);
    EXPECT_EQ(woken, 2u);
}

TEST_F(TimerTest, TheSecondTimerFiresThoughTheFirstFiredInVain) {
    set_one_reg(kVCtl, 1);
    set_one_reg(kVCval, 100);
    set_one_reg(kPCtl, 1);
    set_one_reg(kPCval, kStart + 5000);
    enable();
    load();
    put({.blocking = true});
    lines.forget();
    pass(200);
    EXPECT_THAT(lines.levels, ElementsAre(Lines::Told{TimerId::kVirtual, true}));
    pass(5000);
    EXPECT_TRUE(lines.told(TimerId::kPhysical, true));
    EXPECT_EQ(lines.levels.size(), 2u) << "each once";
    EXPECT_EQ(test::port().armed_timers(), 0u);
}

// A vCPU that is preempted after its wait is loaded soon, and looks at everything then.
TEST_F(TimerTest, OnlyASleeperIsAlarmedAgain) {
    set_one_reg(kVCtl, 1);
    set_one_reg(kVCval, 100);
    set_one_reg(kPCtl, 1);
    set_one_reg(kPCval, kStart + 5000);
    enable();
    load();
    put();
    timers.on_soft_timer(cpu);
    EXPECT_EQ(test::port().armed_timers(), 0u);
}

TEST_F(TimerTest, TheVmmsControllerSeesLevelsAndThePpiIsHeld) {
    enable(false);
    load();
    EXPECT_TRUE(lines.levels.empty());
    EXPECT_THAT(lines.active, ElementsAre(Pair(Slot::kVirtual, false), Pair(Slot::kPhysical, false)));
    lines.forget();
    u64 level = 0x10;
    EXPECT_FALSE(timers.update_device_irq_level(cpu, level));
    timers.write_register(cpu, kPTval, 0);
    timers.write_register(cpu, kPCtl, 1);
    timers.on_host_irq(cpu, Slot::kPhysical);
    EXPECT_TRUE(lines.active.empty());  // forwarded: it stays active
    timers.sync(cpu);
    EXPECT_TRUE(lines.active.empty());
    EXPECT_TRUE(timers.update_device_irq_level(cpu, level));
    EXPECT_EQ(level, 0x12u);
    EXPECT_FALSE(timers.update_device_irq_level(cpu, level));
    timers.write_register(cpu, kPCtl, 3);
    timers.sync(cpu);
    EXPECT_THAT(lines.active, ElementsAre(Pair(Slot::kPhysical, false)));
    timers.sync(cpu);
    EXPECT_EQ(lines.active.size(), 1u);
    EXPECT_TRUE(timers.update_device_irq_level(cpu, level));
    EXPECT_EQ(level, 0x10u);
}

TEST_F(TimerTest, TheVmmsControllerIsWokenForATimer) {
    enable(false);
    load();
    timers.write_register(cpu, kVTval, 50);
    timers.write_register(cpu, kVCtl, 1);
    put({.blocking = true});
    pass(60);
    EXPECT_EQ(woken, 1u);
    EXPECT_TRUE(lines.levels.empty());
    u64 level = 0;
    EXPECT_TRUE(timers.update_device_irq_level(cpu, level));
    EXPECT_EQ(level, kDeviceIrqVtimer);
}

}  // namespace
}  // namespace nest::timer
