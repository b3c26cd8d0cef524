// SPDX-License-Identifier: GPL-2.0-only
// Virtual EL2 without E2H: EL1's timers stay in hardware in both worlds, and what traps differs.
#include <tests/unit/timer/fixture.hpp>

namespace nest::timer {
namespace {

struct SharedPairTest : NestedTest {
    u64 page[2] = {};  // CNTV_CTL_EL0 and CNTV_CVAL_EL0 in the VNCR page

    void bind_page() { timers.context(TimerId::kVirtual).bind_storage(&page[0], &page[1]); }
    void load_el1s_pair() {
        enable();
        load();
        timers.switch_direct(cpu, false, {});
    }
    void enter_vel2() { ASSERT_TRUE(timers.share_el1_pair(cpu, true, {})); }
};

// Without E2H EL1's pair stays in hardware while virtual EL2 runs.
TEST_F(SharedPairTest, WithoutE2hEl1sPairStays) {
    enable();
    load();
    EXPECT_FALSE(timers.share_el1_pair(cpu, true, {})) << "virtual EL2's pair is still there";
    timers.switch_direct(cpu, false, {});
    using R = arch::CNTHCTL_EL2;
    enter_vel2();
    EXPECT_FALSE(timers.hyp_is_direct());
    EXPECT_TRUE(timers.traps().physical_timer) << "NV2 would make its registers memory";
    EXPECT_FALSE(timers.traps().physical_counter) << "L1's own traps are not for virtual EL2";
    EXPECT_FALSE(R::of(cpu.registers[SysReg::CNTHCTL_EL2]).get<R::EL1PTEN>());
    ASSERT_TRUE(timers.share_el1_pair(cpu, false, R{}.with<R::EL1PTEN>(1)));
    EXPECT_TRUE(R::of(cpu.registers[SysReg::CNTHCTL_EL2]).get<R::EL1PTEN>());
    EXPECT_FALSE(R::of(cpu.registers[SysReg::CNTHCTL_EL2]).get<R::EL1PCTEN>()) << "L1 traps it";
}

// L1's own kernel at EL1 and L2, in turn.
TEST_F(SharedPairTest, WithoutE2hTwoSetsOfTrapsActInTurn) {
    load_el1s_pair();
    using R = arch::CNTHCTL_EL2;
    const R open = R{}.with<R::EL1PTEN>(1).with<R::EL1PCTEN>(1), closed{};
    for (int i = 0; i < 3; i++)
        for (const R l1 : {open, closed}) {
            enter_vel2();
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

TEST_F(SharedPairTest, WithoutE2hL1sOffsetActsAtOnce) {
    load_el1s_pair();
    enter_vel2();
    cntvoff += 77;
    ASSERT_TRUE(timers.share_el1_pair(cpu, false, {}));
    EXPECT_EQ(cpu.registers[SysReg::CNTVOFF_EL2], cntvoff);
}

// Without FEAT_ECV virtual EL2's accesses to the virtual timer are loads and stores of the VNCR page.
TEST_F(SharedPairTest, WithoutE2hStoresToThePageReachTheHardware) {
    bind_page();
    load_el1s_pair();
    cpu.registers[SysReg::CNTV_CTL_EL02] = 1;
    cpu.registers[SysReg::CNTV_CVAL_EL02] = 5000;
    enter_vel2();
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
TEST_F(SharedPairTest, WithoutE2hWhatL1WroteToHardwareStays) {
    bind_page();
    load_el1s_pair();
    enter_vel2();
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
TEST_F(SharedPairTest, WithoutE2hTheOffsetComesBeforeTheTimer) {
    load_el1s_pair();
    enter_vel2();
    cntvoff = 900'000'000;
    timers.write_register(cpu, kVCval, kStart - cntvoff + 500);
    timers.write_register(cpu, kVCtl, 1);
    EXPECT_EQ(cpu.registers[SysReg::CNTVOFF_EL2], cntvoff);
    EXPECT_FALSE(timers.asserted(cpu, TimerId::kVirtual));
    EXPECT_EQ(timers.read_register(cpu, kVCount), kStart - cntvoff);
}

// Else L1 takes an interrupt of a timer that it has stopped, and masks the timer of the guest that runs then.
TEST_F(SharedPairTest, WithoutE2hAnInterruptThatIsNotTakenYetGoesWithItsTimer) {
    load_el1s_pair();
    enter_vel2();
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
TEST_F(SharedPairTest, WithE2hAgainL1sTrapsAreAllThatActsOnL2) {
    using R = arch::CNTHCTL_EL2;
    const R l1 = R{}.with<R::EL1PTEN>(1);
    constexpr u64 kTraps = R::mask<R::EL1PTEN, R::EL1PCTEN, R::EL1TVT>();
    for (const bool ecv : {true, false}) {
        host.ecv = ecv;
        load_el1s_pair();
        enter_vel2();
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
TEST_F(SharedPairTest, WithoutE2hANewOffsetOfTheVmDoesNotStopTheMove) {
    host.ecv = true;
    load_el1s_pair();
    ASSERT_TRUE(vm.set_counter_offset(77, 0).ok());
    EXPECT_FALSE(timers.share_el1_pair(cpu, true, {})) << "flush() has to load the offset";
    timers.flush(cpu);
    EXPECT_TRUE(timers.traps().virtual_timer) << "NV2 would make its registers memory";
}

// The move to L2 is complete all the same: L2 must not run with virtual EL2's traps, and without L1's.
TEST_F(SharedPairTest, WithoutE2hAnOffsetThatStopsTheTimerDoesNotStopTheMove) {
    load_el1s_pair();
    enter_vel2();
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
