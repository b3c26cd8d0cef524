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

// Without E2H EL1's pair stays in hardware while virtual EL2 runs.
TEST_F(NestedTest, WithoutE2hEl1sPairStays) {
    enable();
    load();
    EXPECT_FALSE(timers.share_el1_pair(cpu, true, {})) << "virtual EL2's pair is still there";
    timers.switch_direct(cpu, false, {});
    using R = arch::CNTHCTL_EL2;
    ASSERT_TRUE(timers.share_el1_pair(cpu, true, {}));
    EXPECT_FALSE(timers.hyp_is_direct());
    EXPECT_TRUE(timers.traps().physical_timer) << "NV2 would make its registers memory";
    EXPECT_FALSE(timers.traps().physical_counter) << "L1's own traps are not for virtual EL2";
    EXPECT_FALSE(R::of(cpu.registers[SysReg::CNTHCTL_EL2]).get<R::EL1PTEN>());
    ASSERT_TRUE(timers.share_el1_pair(cpu, false, R{}.with<R::EL1PTEN>(1)));
    EXPECT_TRUE(R::of(cpu.registers[SysReg::CNTHCTL_EL2]).get<R::EL1PTEN>());
    EXPECT_FALSE(R::of(cpu.registers[SysReg::CNTHCTL_EL2]).get<R::EL1PCTEN>()) << "L1 traps it";
}

// L1's own kernel at EL1 and L2, in turn.
TEST_F(NestedTest, WithoutE2hTwoSetsOfTrapsActInTurn) {
    enable();
    load();
    timers.switch_direct(cpu, false, {});
    using R = arch::CNTHCTL_EL2;
    const R open = R{}.with<R::EL1PTEN>(1).with<R::EL1PCTEN>(1), closed{};
    for (int i = 0; i < 3; i++)
        for (const R l1 : {open, closed}) {
            ASSERT_TRUE(timers.share_el1_pair(cpu, true, {}));
            ASSERT_TRUE(timers.share_el1_pair(cpu, false, l1));
            EXPECT_EQ(cpu.registers[SysReg::CNTHCTL_EL2] & open.raw, l1.raw);
        }
    // An offset of the VM traps the physical timer, whatever L1 says: of both.
    ASSERT_TRUE(vm.set_counter_offset(77, 0).ok());
    timers.flush(cpu);
    for (const R l1 : {open, closed, open}) {
        ASSERT_TRUE(timers.share_el1_pair(cpu, false, l1));
        EXPECT_EQ(timers.traps().physical_timer, l1 == closed || !vm.host().cntpoff) << l1.raw;
    }
}

TEST_F(NestedTest, WithoutE2hL1sOffsetActsAtOnce) {
    enable();
    load();
    timers.switch_direct(cpu, false, {});
    ASSERT_TRUE(timers.share_el1_pair(cpu, true, {}));
    cntvoff += 77;
    ASSERT_TRUE(timers.share_el1_pair(cpu, false, {}));
    EXPECT_EQ(cpu.registers[SysReg::CNTVOFF_EL2], cntvoff);
}

// Without FEAT_ECV virtual EL2's accesses to the virtual timer are loads and stores of the VNCR page.
TEST_F(NestedTest, WithoutE2hStoresToThePageReachTheHardware) {
    u64 page[2] = {};
    timers.context(TimerId::kVirtual).bind_storage(&page[0], &page[1]);
    enable();
    load();
    timers.switch_direct(cpu, false, {});
    cpu.registers[SysReg::CNTV_CTL_EL02] = 1;
    cpu.registers[SysReg::CNTV_CVAL_EL02] = 5000;
    ASSERT_TRUE(timers.share_el1_pair(cpu, true, {}));
    EXPECT_EQ(page[0] & 3, 1u);
    EXPECT_EQ(page[1], 5000u);
    page[0] = 0;
    timers.sync(cpu);
    EXPECT_EQ(cpu.registers[SysReg::CNTV_CTL_EL02] & 3, 0u) << "off at the next exit";
    timers.flush(cpu);  // the timer asserted before
    page[1] = 6000;
    ASSERT_TRUE(timers.share_el1_pair(cpu, false, {}));
    EXPECT_EQ(cpu.registers[SysReg::CNTV_CVAL_EL02], 6000u);
    page[1] = 1;
    timers.sync(cpu);
    EXPECT_EQ(cpu.registers[SysReg::CNTV_CVAL_EL02], 6000u) << "L2 has the register itself";
}

// NV2 does not make CNTV_TVAL_EL0 memory, and without NV2 no access to the timer is one: the page has older values then.
TEST_F(NestedTest, WithoutE2hWhatL1WroteToHardwareStays) {
    u64 page[2] = {};
    timers.context(TimerId::kVirtual).bind_storage(&page[0], &page[1]);
    enable();
    load();
    timers.switch_direct(cpu, false, {});
    ASSERT_TRUE(timers.share_el1_pair(cpu, true, {}));
    cntvoff += 1000;
    cpu.registers[SysReg::CNTV_CTL_EL02] = 3;
    cpu.registers[SysReg::CNTV_CVAL_EL02] = 5000;
    timers.sync(cpu);
    EXPECT_EQ(cpu.registers[SysReg::CNTV_CTL_EL02] & 3, 3u) << "a new offset is no store to the timer";
    EXPECT_EQ(cpu.registers[SysReg::CNTV_CVAL_EL02], 5000u);
    cpu.registers[SysReg::CNTV_CVAL_EL02] = 6000;
    page[0] = 2;
    ASSERT_TRUE(timers.share_el1_pair(cpu, false, {}));
    EXPECT_EQ(cpu.registers[SysReg::CNTV_CTL_EL02] & 3, 2u);
    EXPECT_EQ(cpu.registers[SysReg::CNTV_CVAL_EL02], 6000u) << "L1 stored to the control register alone";
}

// A hypervisor changes guests: offset first, in the VNCR page, then the timer. By the old offset the timer would assert at once.
TEST_F(NestedTest, WithoutE2hTheOffsetComesBeforeTheTimer) {
    enable();
    load();
    timers.switch_direct(cpu, false, {});
    ASSERT_TRUE(timers.share_el1_pair(cpu, true, {}));
    cntvoff = 900'000'000;
    timers.write_register(cpu, kVCval, kStart - cntvoff + 500);
    timers.write_register(cpu, kVCtl, 1);
    EXPECT_EQ(cpu.registers[SysReg::CNTVOFF_EL2], cntvoff);
    EXPECT_FALSE(timers.asserted(cpu, TimerId::kVirtual));
    EXPECT_EQ(timers.read_register(cpu, kVCount), kStart - cntvoff);
}

// Else L1 takes an interrupt of a timer that it has stopped, and masks the timer of the guest that runs then.
TEST_F(NestedTest, WithoutE2hAnInterruptThatIsNotTakenYetGoesWithItsTimer) {
    enable();
    load();
    timers.switch_direct(cpu, false, {});
    ASSERT_TRUE(timers.share_el1_pair(cpu, true, {}));
    timers.write_register(cpu, kVCval, 1);
    timers.write_register(cpu, kVCtl, 1);
    timers.on_host_irq(cpu, Slot::kVirtual);
    ASSERT_TRUE(lines.told(TimerId::kVirtual, true));
    lines.forget();
    EXPECT_FALSE(timers.needs_flush());
    timers.write_register(cpu, kVCtl, 0);
    ASSERT_TRUE(timers.needs_flush()) << "the vGIC is told by way of the host";
    EXPECT_FALSE(timers.share_el1_pair(cpu, false, {}));
    timers.flush(cpu);
    EXPECT_TRUE(lines.told(TimerId::kVirtual, false));
    using Active = std::pair<Slot, bool>;
    EXPECT_THAT(lines.active, testing::Contains(Active{Slot::kVirtual, false})) << "nobody else would deactivate the PPI";
    EXPECT_FALSE(timers.needs_flush());
}

// A kernel leaves EL2 without E2H, the next one has E2H and a guest. What the sharing made trap must not trap, and what L1 traps must,
// when the vCPU is loaded anew while L2 runs.
TEST_F(NestedTest, WithE2hAgainL1sTrapsAreAllThatActsOnL2) {
    using R = arch::CNTHCTL_EL2;
    const R l1 = R{}.with<R::EL1PTEN>(1);
    constexpr u64 kTraps = R::mask<R::EL1PTEN, R::EL1PCTEN, R::EL1TVT>();
    for (const bool ecv : {true, false}) {
        host.ecv = ecv;
        enable();
        load();
        timers.switch_direct(cpu, false, {});
        ASSERT_TRUE(timers.share_el1_pair(cpu, true, {}));
        const auto change = [&](bool hyp) {
            if (!timers.try_switch_direct(cpu, hyp, l1))
                timers.switch_direct(cpu, hyp, l1);
        };
        change(true);
        const u64 compare = cpu.registers[SysReg::CNTV_CVAL_EL02] = 5000;
        timers.sync(cpu);
        EXPECT_NE(timers.context(TimerId::kVirtual).cval(), compare) << "the hardware has virtual EL2's own timer";
        change(false);
        put();
        load();
        EXPECT_FALSE(timers.traps().physical_timer);
        EXPECT_TRUE(timers.traps().physical_counter) << "L1 traps it";
        EXPECT_EQ(cpu.registers[SysReg::CNTHCTL_EL2] & kTraps, l1.raw);
        put();
    }
}

// The VMM moves its VM's clock between flush() and the move.
TEST_F(NestedTest, WithoutE2hANewOffsetOfTheVmDoesNotStopTheMove) {
    host.ecv = true;
    enable();
    load();
    timers.switch_direct(cpu, false, {});
    ASSERT_TRUE(vm.set_counter_offset(77, 0).ok());
    EXPECT_FALSE(timers.share_el1_pair(cpu, true, {})) << "flush() has to load the offset";
    timers.flush(cpu);
    EXPECT_TRUE(timers.traps().virtual_timer) << "NV2 would make its registers memory";
}

// The move to L2 is complete all the same: L2 must not run with virtual EL2's traps, and without L1's.
TEST_F(NestedTest, WithoutE2hAnOffsetThatStopsTheTimerDoesNotStopTheMove) {
    enable();
    load();
    timers.switch_direct(cpu, false, {});
    ASSERT_TRUE(timers.share_el1_pair(cpu, true, {}));
    timers.write_register(cpu, kVCval, kStart - cntvoff - 500);
    timers.write_register(cpu, kVCtl, 1);
    ASSERT_TRUE(timers.asserted(cpu, TimerId::kVirtual));
    cntvoff += 1000;
    using R = arch::CNTHCTL_EL2;
    EXPECT_FALSE(timers.share_el1_pair(cpu, false, R{}.with<R::EL1PTEN>(1))) << "the vGIC has to be told";
    EXPECT_TRUE(R::of(cpu.registers[SysReg::CNTHCTL_EL2]).get<R::EL1PTEN>());
    EXPECT_FALSE(timers.traps().physical_timer);
    EXPECT_TRUE(timers.traps().physical_counter) << "L1 traps it";
}

}  // namespace
}  // namespace nest::timer
