// SPDX-License-Identifier: GPL-2.0-only
// Trapped accesses against a model in the guest's own terms, in every place where a timer's registers can be.
#include <algorithm>
#include <random>
#include <string>
#include <tests/unit/timer/fixture.hpp>

namespace nest::timer {
namespace {

// The timer as the architecture describes it: no offsets, no hardware.
struct Model {
    u64 ctl = 0, cval = 0;
    u64 read(TimerReg reg, u64 now) const {
        switch (reg) {
        case TimerReg::kCount: return now;
        case TimerReg::kCompare: return cval;
        case TimerReg::kValue: return (cval - now) & 0xffffffff;
        default: return ctl | ((ctl & 1) && now >= cval ? 4 : 0);
        }
    }
    void write(TimerReg reg, u64 value, u64 now) {
        if (reg == TimerReg::kCompare)
            cval = value;
        else if (reg == TimerReg::kValue)
            cval = now + (value & 0x80000000 ? value | 0xffffffff00000000 : value & 0xffffffff);
        else if (reg == TimerReg::kControl)
            ctl = value & 3;
    }
};

struct EmulationTest : TimerTest {
    void brute_force(u64 seed) {
        std::mt19937_64 random(seed);
        Model models[2];
        enable();
        for (int i = 0; i < 6000; i++) {
            const auto id = static_cast<TimerId>(random() % 2);
            const TimerAccess access{id, static_cast<TimerReg>(random() % 4)};
            Model& model = models[index_of(id)];
            const Atomic<u64>& offset = id == TimerId::kVirtual ? vm.virtual_offset() : vm.physical_offset();
            cpu.count += random() >> (64 - random() % 40 - 1);
            switch (random() % 8) {
            case 0: timers.loaded() ? put() : load(); break;
            case 1:
                if (!timers.loaded())
                    timers.set_one_reg({id, TimerReg::kCount}, random() >> random() % 64, cpu.count);
                break;
            case 2:
                timers.enter_guest_regime(cpu);
                cpu.tge = !timers.loaded();
                if (!timers.loaded())
                    break;
                check(access, model, offset);
                timers.leave_guest_regime(cpu);
                cpu.tge = true;
                break;
            case 3:
            case 4: {
                const u64 value = random() >> random() % 64;
                timers.write_register(cpu, access, value);
                model.write(access.reg, value, cpu.count - offset.load_relaxed());
                break;
            }
            default: check(access, model, offset);
            }
            if (HasFatalFailure())
                return;
        }
        put();
    }
    void check(TimerAccess access, const Model& model, const Atomic<u64>& offset) {
        const u64 now = cpu.count - offset.load_relaxed();
        ASSERT_EQ(timers.read_register(cpu, access), model.read(access.reg, now)) << index_of(access.id);
        ASSERT_EQ(timers.asserted(cpu, access.id), (model.ctl & 3) == 1 && now >= model.cval);
    }
};

TEST_F(EmulationTest, AgreesWithTheModel) { brute_force(3); }

TEST_F(EmulationTest, AgreesWithTheModelUnderCntpoff) {
    host.cntpoff = cpu.cntpoff = true;
    brute_force(4);
}

TEST_F(EmulationTest, APhysicalOffsetTrapsWithoutCntpoff) {
    using R = arch::CNTHCTL_EL2;
    set_one_reg(kPCount, 100);
    set_one_reg(kPCval, 150);
    enable();
    load();
    EXPECT_EQ(cpu.registers[SysReg::CNTHCTL_EL2] & (R::EL1PTEN::kMask | R::EL1PCTEN::kMask | R::ECV::kMask), 0u);
    EXPECT_EQ(cpu.registers[SysReg::CNTP_CVAL_EL02], kStart + 50);
    EXPECT_EQ(timers.read_register(cpu, kPCount), 100u);
    EXPECT_EQ(timers.read_register(cpu, kPTval), 50u);
}

// A guest whose count is far ahead of the machine's: CVAL plus the (negative) offset would wrap to the far future.
TEST_F(EmulationTest, APastDeadlineFiresWhateverTheOffset) {
    set_one_reg(kPCount, u64{1} << 55);
    enable();
    load();
    for (u64 cval : {u64{0}, u64{1}, u64{1} << 55}) {
        timers.write_register(cpu, kPCval, cval);
        timers.write_register(cpu, kPCtl, 1);
        EXPECT_EQ(cpu.ctl(Slot::kPhysical), 5u) << cval;
        EXPECT_EQ(timers.read_register(cpu, kPCval), cval);
    }
    for (u64 cval : {(u64{1} << 55) + 1, ~u64{0}}) {
        timers.write_register(cpu, kPCval, cval);
        EXPECT_EQ(cpu.ctl(Slot::kPhysical), 1u) << cval;
        put();
        EXPECT_EQ(timers.get_one_reg(kPCval, cpu.count), cval);
        load();
    }
}

TEST_F(EmulationTest, CntpoffNeedsNoTrapsAndChangesOverWithTge) {
    using R = arch::CNTHCTL_EL2;
    host.cntpoff = true;
    set_one_reg(kPCount, 100);
    set_one_reg(kPCval, 150);
    enable();
    load();
    EXPECT_EQ(cpu.registers[SysReg::CNTHCTL_EL2], (R::mask<R::EL1PTEN, R::EL1PCTEN, R::ECV>()));
    EXPECT_EQ(cpu.registers[SysReg::CNTPOFF_EL2], kStart - 100);
    EXPECT_EQ(cpu.registers[SysReg::CNTP_CVAL_EL02], kStart + 50);
    timers.enter_guest_regime(cpu);
    EXPECT_EQ(cpu.registers[SysReg::CNTP_CVAL_EL02], 150u);
    EXPECT_EQ(cpu.log.back().kind, Event::kIsb);
    cpu.registers[SysReg::CNTP_CVAL_EL02] = 170;  // the guest's doing
    cpu.tge = false;
    EXPECT_EQ(timers.read_register(cpu, kPCval), 170u);
    timers.write_register(cpu, kPTval, 80);
    EXPECT_EQ(cpu.registers[SysReg::CNTP_CVAL_EL02], 180u);
    cpu.registers[SysReg::CNTP_CVAL_EL02] = 170;
    cpu.tge = true;
    timers.leave_guest_regime(cpu);
    EXPECT_EQ(cpu.registers[SysReg::CNTP_CVAL_EL02], kStart + 70);
    put();
    EXPECT_EQ(timers.get_one_reg(kPCval, cpu.count), 170u);
}

TEST_F(EmulationTest, OneRegStripsStatusAndKeepsTheRest) {
    set_one_reg(kVCval, 1);
    set_one_reg(kVCtl, ~u64{0});
    EXPECT_EQ(timers.get_one_reg(kVCtl, cpu.count), 3u);
    set_one_reg(kVCount, 12);
    EXPECT_EQ(timers.get_one_reg(kVCount, cpu.count + 3), 15u);
    EXPECT_EQ(timers.get_one_reg(kPCount, cpu.count), kStart);
}

// A VMM that saves a vCPU which has slept for a while reads CTL as the guest would.
TEST_F(EmulationTest, OneRegGivesTheStatusOfNow) {
    set_one_reg(kVCval, 100);
    set_one_reg(kVCtl, 1);
    enable();
    load();
    put();
    EXPECT_EQ(timers.get_one_reg(kVCtl, cpu.count + 99), 1u);
    EXPECT_EQ(timers.get_one_reg(kVCtl, cpu.count + 100), 5u);
    EXPECT_EQ(timers.get_one_reg(kPCtl, cpu.count + 100), 0u) << "off";
    cpu.count += 200;
    load();
    put();
    set_one_reg(kVCval, 1000);
    EXPECT_EQ(timers.get_one_reg(kVCtl, cpu.count), 1u) << "the ISTATUS of put() was another deadline's";
}

// What L1 and its guest see: the pair that runs is in hardware, the other fires by the hrtimer.
struct NestedTest : TimerTest {
    static constexpr TimerAccess kHvCtl{TimerId::kHypVirtual, TimerReg::kControl};
    static constexpr TimerAccess kHvCval{TimerId::kHypVirtual, TimerReg::kCompare};
    NestedTest() { timers.init_el2(&cntvoff); }
    u64 cntvoff = 1000;
};

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

// The vGIC asks for the line before the next entry.
TEST_F(TimerTest, AWriteIsCompleteWhenItReturns) {
    enable();
    load();
    for (TimerAccess access : {kVCtl, kVCval, kPCtl, kPTval}) {
        cpu.log.clear();
        timers.write_register(cpu, access, 3);
        ASSERT_FALSE(cpu.log.empty());
        EXPECT_EQ(cpu.log.back(), Event{Event::kIsb});
    }
}

TEST_F(TimerTest, TheVmmDoesNotSetIstatus) {
    set_one_reg(kVCtl, 7);
    EXPECT_EQ(timers.context(TimerId::kVirtual).ctl(), 3u);
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

// L1 sleeps with any of the four expired and masked: each of the others still comes, as does WFIT's deadline. Before the
// sleep the two of L2 are soft and the two of virtual EL2 in hardware, or the other way round.
TEST_F(NestedTest, AfterAnyTimerEachOtherOneFires) {
    constexpr TimerId kAll[] = {TimerId::kVirtual, TimerId::kPhysical, TimerId::kHypVirtual, TimerId::kHypPhysical};
    cntvoff = 0;
    enable();
    for (bool hyp : {true, false})
        for (bool told_before : {false, true})
            for (TimerId first : kAll)
                for (TimerId second : kAll) {
                    if (first == second)
                        continue;
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

// A VMM that stops, saves and restores a VM with virtual EL2.
struct El2Clock : NestedTest {
    static constexpr u64 kP = 70'000'000, kOff = 5'000'000;
    El2Clock() { host.cntpoff = cpu.cntpoff = true; }
    u64 get(TimerAccess access) { return timers.get_one_reg(access, cpu.count); }
    void set_cntvoff(u64 value) {
        cntvoff = value;
        timers.follow_virtual_offset();
    }
};

TEST_F(El2Clock, WhatIsReadAndWrittenBackMovesNothing) {
    set_one_reg(kPCount, kP);
    set_cntvoff(kOff);
    EXPECT_EQ(get(kPCount), kP);
    EXPECT_EQ(get(kVCount), kP - kOff);
    set_one_reg(kVCount, get(kVCount));
    EXPECT_EQ(get(kPCount), kP);
    EXPECT_EQ(get(kVCount), kP - kOff);
    set_one_reg(kPCount, get(kPCount));
    EXPECT_EQ(get(kVCount), kP - kOff);
    EXPECT_EQ(vm.virtual_offset().load_relaxed(), kStart) << "a guest at EL1 has that, this one has not";
}

TEST_F(El2Clock, StopsAndContinuesByEitherCount) {
    set_one_reg(kPCount, kP);
    set_cntvoff(kOff);
    for (TimerAccess by : {kVCount, kPCount}) {
        const u64 stopped = get(by);
        cpu.count += 100'000'000'000;
        set_one_reg(by, stopped);
        EXPECT_EQ(get(kPCount), kP);
        EXPECT_EQ(get(kVCount), kP - kOff);
    }
}

TEST_F(El2Clock, RestoredInAnyOrder) {
    std::string order = "opv";
    do {
        SCOPED_TRACE(order);
        VmTimers fresh(host, cpu.count);
        VcpuTimers restored;
        u64 off = 0;
        restored.init(fresh, lines, this, 7);
        restored.init_el2(&off);
        for (char c : order) {
            if (c == 'o')
                off = kOff;
            else
                restored.set_one_reg(c == 'p' ? kPCount : kVCount, c == 'p' ? kP : kP - kOff, cpu.count);
            restored.follow_virtual_offset();
        }
        EXPECT_EQ(restored.get_one_reg(kPCount, cpu.count), kP);
        EXPECT_EQ(restored.get_one_reg(kVCount, cpu.count), kP - kOff);
    } while (std::next_permutation(order.begin(), order.end()));
}

// Without CNTPOFF_EL2 a small offset is left out (VmTimers::set_el2_count()); a large CNTVOFF_EL2 does not make it large.
TEST_F(El2Clock, WhatGoesUnnoticedIsAskedOfTheResult) {
    host.cntpoff = false;
    const u64 second = 1'000'000'000;
    cpu.count = 500 * second;
    set_cntvoff(0);
    set_one_reg(kPCount, 499 * second);
    set_one_reg(kVCount, 199 * second);
    EXPECT_EQ(vm.physical_offset().load_relaxed(), 301 * second);
    set_cntvoff(300 * second);
    EXPECT_EQ(vm.physical_offset().load_relaxed(), 0u);
    EXPECT_EQ(get(kVCount), 200 * second);
}

// What L1 does later to CNTVOFF_EL2, and what another vCPU's VMM thread has set since, is nothing of that.
TEST_F(El2Clock, OnlyUntilItRunsOrTheVmsOffsetIsSetAnew) {
    enable();
    set_cntvoff(0);
    set_one_reg(kVCount, kP);
    load();
    put();
    set_cntvoff(kOff);
    EXPECT_EQ(get(kPCount), kP);
    set_one_reg(kVCount, kP);
    vm.set_el2_count(2 * kP, cpu.count);
    set_cntvoff(2 * kOff);
    EXPECT_EQ(get(kPCount), 2 * kP);
    ASSERT_TRUE(vm.set_counter_offset(77, 0).ok());
    set_one_reg(kVCount, kP);
    set_cntvoff(3 * kOff);
    EXPECT_EQ(get(kPCount), cpu.count - 77);
}

}  // namespace
}  // namespace nest::timer
