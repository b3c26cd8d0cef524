// SPDX-License-Identifier: GPL-2.0-only
// What reaches the hardware and the interrupt lines, and in which order.
#include <tests/unit/timer/fixture.hpp>

namespace nest::timer {
namespace {

using testing::ElementsAre;
using testing::Pair;
const Event kIsb{Event::kIsb};

TEST_F(TimerTest, NothingHappensBeforeTheFirstRun) {
    load();
    put();
    EXPECT_TRUE(cpu.log.empty());
    EXPECT_FALSE(timers.loaded());
}

TEST_F(TimerTest, LoadWritesTheControlsLastAfterOneIsb) {
    set_one_reg(kVCtl, 1);
    set_one_reg(kVCval, 500);
    set_one_reg(kPCtl, 3);
    set_one_reg(kPCval, kStart + 9);
    enable();
    load();
    EXPECT_THAT(cpu.writes_and_isbs(),
                ElementsAre(kIsb, wrote(SysReg::CNTVOFF_EL2, kStart), wrote(SysReg::CNTV_CVAL_EL02, 500),
                            wrote(SysReg::CNTP_CVAL_EL02, kStart + 9), kIsb, wrote(SysReg::CNTV_CTL_EL02, 1),
                            wrote(SysReg::CNTP_CTL_EL02, 3), wrote(SysReg::CNTHCTL_EL2, 0xc00)));
    EXPECT_THAT(lines.active, ElementsAre(Pair(Slot::kVirtual, false), Pair(Slot::kPhysical, false)));
}

TEST_F(TimerTest, PutTurnsTheTimersOffBehindOneIsb) {
    enable();
    load();
    cpu.registers[SysReg::CNTV_CTL_EL02] = 1;  // the guest's doing
    cpu.registers[SysReg::CNTV_CVAL_EL02] = 77;
    cpu.count += 100;
    cpu.log.clear();
    put();
    EXPECT_THAT(cpu.writes_and_isbs(),
                ElementsAre(wrote(SysReg::CNTV_CTL_EL02, 0), wrote(SysReg::CNTP_CTL_EL02, 0), kIsb));
    EXPECT_EQ(timers.get_one_reg(kVCtl, cpu.count), 5u);
    EXPECT_EQ(timers.get_one_reg(kVCval, cpu.count), 77u);
    EXPECT_EQ(timers.get_one_reg(kVCount, cpu.count), 100u);
    EXPECT_TRUE(lines.levels.size() == 2 && !lines.levels[0].level);  // load's; put tells nobody
    EXPECT_EQ(test::port().armed_timers(), 0u);                        // preempted: runnable, no alarm
}

TEST_F(TimerTest, TheHostsOwnBitsOfCnthctlStay) {
    cpu.registers[SysReg::CNTHCTL_EL2] = 0x3f3;
    enable();
    load();
    EXPECT_EQ(cpu.registers[SysReg::CNTHCTL_EL2], 0xff3u);
    put();
    cpu.log.clear();
    load();
    EXPECT_EQ(cpu.position_of_write(SysReg::CNTHCTL_EL2), -1);
}

TEST_F(TimerTest, ExitsAndEntriesTouchNothing) {
    enable();
    load();
    cpu.log.clear();
    cpu.log_reads = true;
    lines.forget();
    cpu.count += 12345;
    timers.sync(cpu);
    timers.flush(cpu);
    timers.enter_guest_regime(cpu);
    timers.leave_guest_regime(cpu);
    EXPECT_TRUE(cpu.log.empty());
    EXPECT_TRUE(lines.levels.empty() && lines.active.empty());
}

TEST_F(TimerTest, AnExpiredTimerIsActiveFromTheStart) {
    set_one_reg(kVCtl, 1);
    enable();
    load();
    EXPECT_TRUE(lines.told(TimerId::kVirtual, true));
    EXPECT_TRUE(lines.told(TimerId::kPhysical, false));
    EXPECT_THAT(lines.active, ElementsAre(Pair(Slot::kVirtual, true), Pair(Slot::kPhysical, false)));
}

TEST_F(TimerTest, AnInterruptThatTheGuestStillHandlesKeepsThePpiActive) {
    enable();
    lines.vgic_busy[1] = true;
    load();
    EXPECT_TRUE(lines.told(TimerId::kPhysical, false));
    EXPECT_THAT(lines.active, ElementsAre(Pair(Slot::kVirtual, false), Pair(Slot::kPhysical, true)));
}

TEST_F(TimerTest, TheHostsInterruptRaisesTheGuests) {
    enable();
    load();
    lines.forget();
    timers.write_register(cpu, kVCval, 10);
    timers.write_register(cpu, kVCtl, 1);
    cpu.count += 10;
    timers.on_host_irq(cpu, Slot::kVirtual);
    EXPECT_THAT(lines.levels, ElementsAre(Lines::Told{TimerId::kVirtual, true}));
    EXPECT_TRUE(lines.active.empty());
    EXPECT_TRUE(timers.asserted(cpu, TimerId::kVirtual));
    timers.write_register(cpu, kVCtl, 3);
    EXPECT_FALSE(timers.asserted(cpu, TimerId::kVirtual));
}

TEST_F(TimerTest, AnInterruptThatIsGoneAgainIsDeactivated) {
    enable();
    load();
    lines.forget();
    timers.on_host_irq(cpu, Slot::kPhysical);
    EXPECT_TRUE(lines.levels.empty());
    EXPECT_THAT(lines.active, ElementsAre(Pair(Slot::kPhysical, false)));
}

TEST_F(TimerTest, AnInterruptWithoutAVcpuIsMasked) {
    cpu.registers[SysReg::CNTV_CTL_EL02] = 1;
    EXPECT_TRUE(mask_unowned(cpu, Slot::kVirtual));
    EXPECT_EQ(cpu.registers[SysReg::CNTV_CTL_EL02], 3u);
    EXPECT_FALSE(mask_unowned(cpu, Slot::kVirtual));
    EXPECT_FALSE(mask_unowned(cpu, Slot::kPhysical));
    enable();
    cpu.registers[SysReg::CNTP_CTL_EL02] = 1;
    timers.on_host_irq(cpu, Slot::kPhysical);
    EXPECT_EQ(cpu.registers[SysReg::CNTP_CTL_EL02], 3u);
    EXPECT_THAT(lines.active, ElementsAre(Pair(Slot::kPhysical, false)));
    EXPECT_TRUE(lines.levels.empty());
}

TEST_F(TimerTest, AnOffsetChangedByAnotherThreadIsTakenUpAtTheNextEntry) {
    enable();
    timers.set_one_reg(kVCval, 100, cpu.count);
    timers.set_one_reg(kVCtl, 1, cpu.count);
    load();
    vm.set_virtual_count(1000, cpu.count);
    EXPECT_FALSE(timers.asserted(cpu, TimerId::kVirtual));
    EXPECT_TRUE(timers.needs_flush());
    timers.flush(cpu);
    EXPECT_EQ(cpu.registers[SysReg::CNTVOFF_EL2], kStart - 1000);
    EXPECT_EQ(cpu.registers[SysReg::CNTV_CVAL_EL02], 100u);
    EXPECT_TRUE(timers.asserted(cpu, TimerId::kVirtual));
    EXPECT_FALSE(timers.needs_flush());
}

TEST_F(TimerTest, ResetTurnsEverythingOffAndKeepsCval) {
    set_one_reg(kVCtl, 1);
    set_one_reg(kVCval, 42);
    enable();
    timers.reset();
    EXPECT_EQ(timers.get_one_reg(kVCtl, cpu.count), 0u);
    EXPECT_EQ(timers.get_one_reg(kVCval, cpu.count), 42u);
    EXPECT_TRUE(lines.told(TimerId::kVirtual, false) && lines.told(TimerId::kPhysical, false));
}

TEST_F(TimerTest, TheFirstRunRefusesASharedPpi) {
    ASSERT_TRUE(vm.set_ppi(true, 0, 30).ok());
    EXPECT_EQ(timers.enable(true).error(), Errno::kInval);
    EXPECT_TRUE(timers.enable(false).ok());  // no interrupt controller, no matter
}

}  // namespace
}  // namespace nest::timer
