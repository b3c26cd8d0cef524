// SPDX-License-Identifier: GPL-2.0-only
// Trapped accesses against a model in the guest's own terms, in every place where a timer's registers can be.
#include <random>
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

}  // namespace
}  // namespace nest::timer
