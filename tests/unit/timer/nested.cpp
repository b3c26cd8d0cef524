// SPDX-License-Identifier: GPL-2.0-only
// The four timers of L1 and its guest: two in hardware, two by the hrtimer, and the exchange of one pair for the other.
#include <tests/unit/timer/fixture.hpp>

namespace nest::timer {
namespace {

TEST_F(NestedTest, TheEl2PairRunsInHardwareAndL2sVirtualTimerHasL1sOffset) {
    enable();
    load();
    EXPECT_EQ(cpu.registers[SysReg::CNTVOFF_EL2], 0u);
    EXPECT_EQ(timers.read_register(cpu, kVCount), kStart - 1000);
    lines.forget();
    timers.write_register(cpu, kVTval, 500);
    timers.write_register(cpu, kVCtl, 1);
    EXPECT_TRUE(timers.needs_flush());
    timers.flush(cpu);
    EXPECT_EQ(test::port().armed_timers(), 1u);
    pass(510);
    EXPECT_THAT(lines.levels, testing::ElementsAre(Lines::Told{TimerId::kVirtual, true}));
    EXPECT_EQ(timers.read_register(cpu, kVCtl), 5u);
    timers.write_register(cpu, kVCtl, 0);
    timers.flush(cpu);
    EXPECT_TRUE(lines.told(TimerId::kVirtual, false));
}

TEST_F(NestedTest, AWriteOfTheGuestToItsPageIsFoundAtTheNextExit) {
    u64 page[2] = {};
    timers.context(TimerId::kVirtual).bind_storage(&page[0], &page[1]);
    enable();
    load();
    timers.sync(cpu);
    EXPECT_FALSE(timers.needs_flush());
    page[0] = 1;
    timers.sync(cpu);
    EXPECT_TRUE(timers.needs_flush());
    timers.flush(cpu);
    EXPECT_TRUE(lines.told(TimerId::kVirtual, true));
    EXPECT_EQ(page[0], 5u);
    timers.sync(cpu);
    EXPECT_FALSE(timers.needs_flush());
}

TEST_F(NestedTest, SwitchingExchangesHardwareAndHrtimer) {
    enable();
    load();
    timers.write_register(cpu, kHvCval, kStart + 700);
    timers.write_register(cpu, kHvCtl, 1);
    lines.vgic_busy[index_of(TimerId::kPhysical)] = true;
    lines.active.clear();
    const auto l1 = arch::CNTHCTL_EL2{}.with<arch::CNTHCTL_EL2::EL1PCTEN>(1);
    timers.switch_direct(cpu, false, l1);
    using Handed = std::pair<TimerId, TimerId>;
    EXPECT_THAT(lines.handed, testing::ElementsAre(Handed{TimerId::kHypVirtual, TimerId::kVirtual},
                                                   Handed{TimerId::kHypPhysical, TimerId::kPhysical}));
    using Active = std::pair<Slot, bool>;
    EXPECT_THAT(lines.active, testing::ElementsAre(Active{Slot::kVirtual, false}, Active{Slot::kPhysical, true}))
        << "what L1 has not yet deactivated keeps the PPI quiet";
    EXPECT_TRUE(timers.traps().physical_timer) << "L1 traps it";
    EXPECT_FALSE(timers.traps().physical_counter);
    EXPECT_EQ(timers.direct(Slot::kVirtual), TimerId::kVirtual);
    EXPECT_EQ(cpu.registers[SysReg::CNTVOFF_EL2], 1000u);
    EXPECT_EQ(cpu.ctl(Slot::kVirtual), 0u);
    EXPECT_EQ(test::port().armed_timers(), 1u);
    lines.forget();
    pass(710);
    EXPECT_THAT(lines.levels, testing::ElementsAre(Lines::Told{TimerId::kHypVirtual, true}));
    timers.switch_direct(cpu, true, l1);
    EXPECT_FALSE(timers.traps().physical_timer) << "L1's controls do not apply to itself";
    EXPECT_EQ(cpu.ctl(Slot::kVirtual), 5u);
}

TEST_F(NestedTest, TierZeroSwitchesWhenNothingMovesButRegisters) {
    enable();
    load();
    timers.write_register(cpu, kHvCval, kStart + 700);
    timers.write_register(cpu, kHvCtl, 1);
    EXPECT_FALSE(timers.try_switch_direct(cpu, false, {})) << "nobody would hear of the timer that leaves";
    EXPECT_TRUE(timers.hyp_is_direct());
    timers.switch_direct(cpu, false, {});  // sets the alarm
    ASSERT_TRUE(timers.try_switch_direct(cpu, true, {}));
    EXPECT_EQ(cpu.ctl(Slot::kVirtual), 1u);
    EXPECT_EQ(test::port().armed_timers(), 1u);
    ASSERT_TRUE(timers.try_switch_direct(cpu, false, {})) << "the alarm of before serves";
    lines.handed.clear();
    timers.catch_up();
    EXPECT_TRUE(lines.handed.empty()) << "back where the vGIC takes it to be";
    ASSERT_TRUE(timers.try_switch_direct(cpu, true, {}));
    timers.catch_up();
    EXPECT_EQ(lines.handed.size(), 2u);
    EXPECT_FALSE(timers.needs_flush()) << "what left is known, and no reason to look at it again";
    timers.sync(cpu);
    EXPECT_FALSE(timers.needs_flush());
}

TEST_F(NestedTest, TierZeroMovesTimersThatAreOffWithoutASynchronisation) {
    enable();
    load();
    using R = arch::CNTHCTL_EL2;
    cntvoff = 1000;
    timers.write_register(cpu, kHvCval, 42);
    timers.context(TimerId::kVirtual).set_cval(43);
    timers.context(TimerId::kPhysical).set_cval(44);
    cpu.log.clear();
    const R open = R{}.with<R::EL1PTEN>(1).with<R::EL1PCTEN>(1);
    ASSERT_TRUE(timers.try_switch_direct(cpu, false, open));
    for (const test::Event& e : cpu.log)
        EXPECT_NE(e.kind, test::Event::kIsb) << "nothing can assert: the next entry synchronises";
    EXPECT_EQ(cpu.registers[SysReg::CNTVOFF_EL2], 1000u);
    EXPECT_EQ(cpu.registers[SysReg::CNTV_CVAL_EL02], 43u);
    EXPECT_EQ(cpu.registers[SysReg::CNTP_CVAL_EL02], 44u);
    EXPECT_EQ(timers.context(TimerId::kHypVirtual).cval(), 42u);
    EXPECT_EQ(cpu.registers[SysReg::CNTHCTL_EL2] & open.raw, open.raw);
    // L1's CNTHCTL_EL2 of each moment acts, and only in L2.
    ASSERT_TRUE(timers.try_switch_direct(cpu, true, {}));
    EXPECT_EQ(cpu.registers[SysReg::CNTHCTL_EL2] & open.raw, open.raw);
    EXPECT_EQ(cpu.registers[SysReg::CNTVOFF_EL2], 0u);
    ASSERT_TRUE(timers.try_switch_direct(cpu, false, R{}.with<R::EL1PTEN>(1)));
    EXPECT_EQ(cpu.registers[SysReg::CNTHCTL_EL2] & open.raw, R::EL1PTEN::kMask);
    // A level that the vGIC was told must be taken back by way of the host, whatever the timer's state now.
    timers.context(TimerId::kHypPhysical).level = true;
    EXPECT_FALSE(timers.try_switch_direct(cpu, true, {}));
}

// A timer that is on while its comparison changes may fire for the old offset with the new value, or the other way round.
TEST_F(NestedTest, TierZeroTurnsTimersOffBeforeItMovesThem) {
    enable();
    load();
    timers.write_register(cpu, kHvCval, kStart + 700);
    timers.write_register(cpu, kHvCtl, 1);
    timers.switch_direct(cpu, false, {});  // sets the alarm
    ASSERT_TRUE(timers.try_switch_direct(cpu, true, {}));
    cpu.log.clear();
    ASSERT_TRUE(timers.try_switch_direct(cpu, false, {}));
    const std::vector<Event> log = cpu.writes_and_isbs();
    ASSERT_GE(log.size(), 5u);
    size_t at = 0;
    while (log[at].kind == Event::kIsb)  // of the counter's read
        ASSERT_LT(++at, log.size() - 3);
    EXPECT_EQ(log[at], wrote(SysReg::CNTV_CTL_EL02, 0));
    EXPECT_EQ(log[at + 1], wrote(SysReg::CNTP_CTL_EL02, 0));
    EXPECT_EQ(log[at + 2], Event{Event::kIsb});
}

TEST_F(NestedTest, TierZeroLeavesAnAssertingTimerToTheHost) {
    enable();
    load();
    timers.write_register(cpu, kHvCval, kStart - 1);
    timers.write_register(cpu, kHvCtl, 1);
    EXPECT_FALSE(timers.try_switch_direct(cpu, false, {})) << "the one that would leave";
    timers.write_register(cpu, kHvCtl, 0);
    timers.context(TimerId::kVirtual).set_ctl(1);
    EXPECT_FALSE(timers.try_switch_direct(cpu, false, {})) << "the one that would come";
    timers.context(TimerId::kVirtual).set_ctl(3);
    EXPECT_TRUE(timers.try_switch_direct(cpu, false, {})) << "masked";
}

// An alarm for another timer says nothing of one whose deadline is over.
TEST_F(NestedTest, TierZeroLeavesAnAssertingTimerToTheHostThoughAnAlarmIsSet) {
    enable();
    load();
    timers.write_register(cpu, kVTval, 1000);
    timers.write_register(cpu, kVCtl, 1);
    timers.flush(cpu);
    ASSERT_EQ(test::port().armed_timers(), 1u);
    timers.write_register(cpu, kHvCval, kStart - 1);
    timers.write_register(cpu, kHvCtl, 1);
    EXPECT_FALSE(timers.try_switch_direct(cpu, false, {}));
}

TEST_F(NestedTest, AnAlarmThatIsTooLateOrPastDoesNotServe) {
    enable();
    load();
    timers.write_register(cpu, kHvCval, kStart + 700);
    timers.write_register(cpu, kHvCtl, 1);
    timers.switch_direct(cpu, false, {});
    ASSERT_TRUE(timers.try_switch_direct(cpu, true, {}));
    timers.write_register(cpu, kHvCval, kStart + 600);
    EXPECT_FALSE(timers.try_switch_direct(cpu, false, {})) << "it fires at 700";
    timers.write_register(cpu, kHvCval, kStart + 5000);
    EXPECT_TRUE(timers.try_switch_direct(cpu, false, {})) << "an early alarm is set anew when it fires";
    ASSERT_TRUE(timers.try_switch_direct(cpu, true, {}));
    pass(800);
    EXPECT_FALSE(timers.try_switch_direct(cpu, false, {}));
}

// Loaded, L1 runs: both of L2's timers are soft, and one alarm serves them.
TEST_F(NestedTest, TheCallbackSetsTheAlarmOfTheOtherSoftTimer) {
    enable();
    load();
    timers.write_register(cpu, kVTval, 100);
    timers.write_register(cpu, kVCtl, 1);
    timers.write_register(cpu, kPTval, 300);
    timers.write_register(cpu, kPCtl, 1);
    timers.flush(cpu);
    lines.forget();
    pass(110);
    EXPECT_TRUE(lines.told(TimerId::kVirtual, true));
    EXPECT_EQ(test::port().armed_timers(), 1u);
    pass(200);
    EXPECT_TRUE(lines.told(TimerId::kPhysical, true));
    EXPECT_EQ(test::port().armed_timers(), 0u);
}

constexpr TimerId kAll[] = {TimerId::kVirtual, TimerId::kPhysical, TimerId::kHypVirtual, TimerId::kHypPhysical};

// Each timer with each other one.
std::vector<std::pair<TimerId, TimerId>> ordered_pairs() {
    std::vector<std::pair<TimerId, TimerId>> pairs;
    for (TimerId first : kAll)
        for (TimerId second : kAll)
            if (first != second)
                pairs.push_back({first, second});
    return pairs;
}

// L1 sleeps with any of the four expired and masked: each of the others still comes, as does WFIT's deadline. Before the
// sleep the two of L2 are soft and the two of virtual EL2 in hardware, or the other way round.
TEST_F(NestedTest, AfterAnyTimerEachOtherOneFires) {
    cntvoff = 0;
    enable();
    for (bool hyp : {true, false})
        for (bool told_before : {false, true})
            for (const auto& [first, second] : ordered_pairs()) {
                SCOPED_TRACE(testing::Message() << hyp << told_before << index_of(first) << index_of(second));
                load();
                timers.switch_direct(cpu, hyp, {});
                for (TimerId id : kAll)
                    timers.write_register(cpu, {id, TimerReg::kControl}, 0);
                timers.write_register(cpu, {first, TimerReg::kValue}, told_before ? u64{0} : 100);
                timers.write_register(cpu, {first, TimerReg::kControl}, 1);
                timers.write_register(cpu, {second, TimerReg::kValue}, 1000);
                timers.write_register(cpu, {second, TimerReg::kControl}, 1);
                timers.flush(cpu);
                put({.blocking = true, .has_deadline = true, .deadline = cpu.count + 2000});
                pass(500);
                lines.forget();
                woken = 0;
                pass(1000);
                EXPECT_THAT(lines.levels, testing::ElementsAre(Lines::Told{second, true}));
                EXPECT_EQ(woken, 0u);
                pass(1000);
                EXPECT_EQ(woken, 1u);
                EXPECT_EQ(test::port().armed_timers(), 0u);
            }
}

}  // namespace
}  // namespace nest::timer
