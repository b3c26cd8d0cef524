// SPDX-License-Identifier: GPL-2.0-only
// The group that L1 leaves to L2: whose registers trap, and what they do to L1's own CPU interface. states.cpp has the states of the
// interrupts.
#include <tests/unit/vgic/nested/machine.hpp>
#include <vgic/priorities.hpp>

namespace nest::test {
namespace {

using arch::SysReg;
using vgic::Signal;

constexpr unsigned kSpurious = 1023, kLow = 40, kHigh = 41, kGroup0 = 42;

struct LeftGroup : NestedMachine {
    LeftGroup() {
        for (const unsigned intid : {kLow, kHigh, kGroup0}) {
            m.write(0, Machine::gicd(0x6000 + intid * 8), 0, 8);
            m.make_edge(intid);
            m.enable(0, intid);
        }
        m.write(0, Machine::gicd(0x84), m.read(0, Machine::gicd(0x84)) & ~vgic::bit_of(kGroup0));
        set_priority(kLow, 0x80);
        set_priority(kHigh, 0x40);
        set_priority(kGroup0, 0x60);
        l1.hw.vmcr = 0xf000'000b | 2u << 21 | 3u << 18;     // VPMR, both groups, the least binary points
        virtualise(true, false);
    }
    void set_priority(unsigned intid, u32 priority) { m.write(0, Machine::gicd(0x400 + intid), priority, 1); }
    u64 read(SysReg reg, unsigned group = 1) {
        u64 value = ~u64{0};
        EXPECT_TRUE(vgic::left_group_read(l1, group, reg, value));
        return value;
    }
    void write(SysReg reg, u64 value, unsigned group = 1) { EXPECT_TRUE(vgic::left_group_write(l1, group, reg, value)); }
    Signal line() { return vgic::signalled_over_running(l1).signal; }
};

TEST_F(LeftGroup, ItsRegistersTrapAndNoOthers) {
    const u64 traps = Hcr::mask<Hcr::TALL0, Hcr::TALL1>();
    for (const auto& [fiq, irq, expected] : {std::tuple{true, true, u64{0}}, std::tuple{false, false, u64{0}},
                                             std::tuple{true, false, Hcr::TALL1::kMask}, std::tuple{false, true, Hcr::TALL0::kMask}}) {
        virtualise(fiq, irq);
        flush();
        EXPECT_EQ(cpu.registers[SysReg::ICH_HCR_EL2] & traps, expected);
        sync();
    }
}

TEST_F(LeftGroup, AHigherGroupPriorityInterruptsAndAnEqualOneWaits) {
    m.inject(0, kLow, true);
    EXPECT_EQ(line(), Signal::kIrq);
    EXPECT_EQ(read(SysReg::ICC_IAR1_EL1), kLow);
    EXPECT_EQ(vgic::running_priority(l1), 0x80u);
    EXPECT_EQ(line(), Signal::kNone);
    m.inject(0, kHigh, true);
    EXPECT_EQ(read(SysReg::ICC_HPPIR1_EL1), kHigh);
    EXPECT_EQ(read(SysReg::ICC_IAR1_EL1), kHigh);
    EXPECT_EQ(vgic::running_priority(l1), 0x40u);
    write(SysReg::ICC_EOIR1_EL1, kHigh);
    EXPECT_EQ(vgic::running_priority(l1), 0x80u);
    set_priority(kHigh, 0x80);
    m.inject(0, kHigh, true);
    EXPECT_EQ(line(), Signal::kNone) << "no higher than the running one";
    EXPECT_EQ(read(SysReg::ICC_IAR1_EL1), kSpurious);
    write(SysReg::ICC_EOIR1_EL1, kLow);
    EXPECT_EQ(vgic::running_priority(l1), 0xffu);
    EXPECT_EQ(read(SysReg::ICC_IAR1_EL1), kHigh);
}

TEST_F(LeftGroup, TheBinaryPointSaysWhatIsHigher) {
    write(SysReg::ICC_BPR1_EL1, 7);
    set_priority(kLow, 0x7f);
    m.inject(0, kLow, true);
    EXPECT_EQ(read(SysReg::ICC_IAR1_EL1), kLow);
    EXPECT_EQ(vgic::running_priority(l1), 0u) << "the group priority, of which one bit is left";
    m.inject(0, kHigh, true);
    EXPECT_EQ(line(), Signal::kNone) << "0x40 is of the same";
    write(SysReg::ICC_EOIR1_EL1, kLow);
    EXPECT_EQ(line(), Signal::kIrq);
    // With CBPR group 0's binary point is that of both.
    l1.hw.vmcr |= arch::ICH_VMCR_EL2::VCBPR::kMask;
    EXPECT_EQ(read(SysReg::ICC_IAR1_EL1), kHigh);
    EXPECT_EQ(vgic::running_priority(l1), 0x40u);
}

TEST_F(LeftGroup, TheOtherGroupsInterruptIsSpuriousHere) {
    m.inject(0, kGroup0, true);
    EXPECT_EQ(line(), Signal::kFiq);
    EXPECT_EQ(read(SysReg::ICC_IAR1_EL1), kSpurious);
    EXPECT_EQ(read(SysReg::ICC_HPPIR1_EL1), kSpurious);
    m.inject(0, kHigh, true);
    EXPECT_EQ(line(), Signal::kIrq) << "by priority";
    m.inject(0, kHigh, false);
    EXPECT_EQ(read(SysReg::ICC_IAR1_EL1), kHigh);
    EXPECT_EQ(line(), Signal::kNone) << "0x60 is below 0x40";
}

TEST_F(LeftGroup, AnEoiOfTheOtherGroupsPriorityDoesNothing) {
    virtualise(false, true);
    m.inject(0, kGroup0, true);
    EXPECT_EQ(read(SysReg::ICC_IAR0_EL1, 0), kGroup0);
    EXPECT_FALSE(vgic::drop_priority(l1, 1));
    write(SysReg::ICC_EOIR0_EL1, kSpurious, 0);
    EXPECT_EQ(vgic::running_priority(l1), 0x60u) << "INTIDs from 1020 on are ignored";
    write(SysReg::ICC_EOIR0_EL1, kGroup0, 0);
    EXPECT_EQ(vgic::running_priority(l1), 0xffu);
    write(SysReg::ICC_EOIR0_EL1, kGroup0, 0);
    EXPECT_EQ(vgic::running_priority(l1), 0xffu);
}

TEST_F(LeftGroup, WithEoiModeOneAnEoiOnlyDropsThePriority) {
    l1.hw.vmcr |= arch::ICH_VMCR_EL2::VEOIM::kMask;
    m.inject(0, kLow, true);
    EXPECT_EQ(read(SysReg::ICC_IAR1_EL1), kLow);
    write(SysReg::ICC_EOIR1_EL1, kLow);
    EXPECT_EQ(vgic::running_priority(l1), 0xffu);
    EXPECT_TRUE(is_active(kLow));
}

// As from a list register: the physical interrupt stays active until the guest's end, and is deactivated once.
TEST_F(LeftGroup, AMappedLevelIsDeactivatedInThePhysicalGic) {
    m.enable(0, kTimer);
    m.inject(0, kTimer, true);
    EXPECT_EQ(read(SysReg::ICC_IAR1_EL1), kTimer);
    EXPECT_TRUE(m.callbacks.physical.empty());
    write(SysReg::ICC_EOIR1_EL1, kTimer);
    EXPECT_EQ(m.callbacks.physical, (std::vector{FakeCallbacks::Physical{0, kHostTimer, false}}));
    EXPECT_FALSE(vgic::has_pending(l1)) << "the physical GIC reports the next rise";
}

TEST_F(LeftGroup, AnSpiGoesBackToNobodyWhenItHasEnded) {
    m.inject(0, kLow, true);
    EXPECT_EQ(m.distributor->held_spis(), 1u);
    EXPECT_EQ(read(SysReg::ICC_IAR1_EL1), kLow);
    EXPECT_EQ(m.distributor->held_spis(), 1u);
    write(SysReg::ICC_EOIR1_EL1, kLow);
    EXPECT_EQ(m.distributor->held_spis(), 0u);
    EXPECT_EQ(l1.work.load_relaxed(), 0u);
}

TEST_F(LeftGroup, BinaryPointsHaveALeastValue) {
    write(SysReg::ICC_BPR1_EL1, 0);
    EXPECT_EQ(read(SysReg::ICC_BPR1_EL1), 3u);
    write(SysReg::ICC_BPR0_EL1, 0, 0);
    EXPECT_EQ(read(SysReg::ICC_BPR0_EL1, 0), 2u);
    write(SysReg::ICC_BPR1_EL1, 5);
    EXPECT_EQ(read(SysReg::ICC_BPR1_EL1), 5u);
}

TEST_F(LeftGroup, EnableAndActivePrioritiesAreL1s) {
    write(SysReg::ICC_IGRPEN1_EL1, 0);
    m.inject(0, kLow, true);
    EXPECT_EQ(line(), Signal::kNone);
    EXPECT_EQ(read(SysReg::ICC_IGRPEN1_EL1), 0u);
    write(SysReg::ICC_IGRPEN1_EL1, 1);
    EXPECT_EQ(line(), Signal::kIrq);
    write(SysReg::ICC_AP1R0_EL1, 1);
    EXPECT_EQ(l1.hw.ap1r[0], 1u);
    EXPECT_EQ(line(), Signal::kNone);
}

TEST_F(LeftGroup, OtherRegistersAndDirectionsAreNotIts) {
    u64 value = 0;
    for (const SysReg reg : {SysReg::ICC_IAR0_EL1, SysReg::ICC_EOIR1_EL1, SysReg::ICC_BPR0_EL1, SysReg::ICC_IGRPEN0_EL1,
                             SysReg::ICC_AP0R0_EL1, SysReg::ICC_AP1R3_EL1, SysReg::ICC_PMR_EL1, SysReg::ICC_CTLR_EL1})
        EXPECT_FALSE(vgic::left_group_read(l1, 1, reg, value)) << static_cast<unsigned>(reg);
    for (const SysReg reg : {SysReg::ICC_IAR1_EL1, SysReg::ICC_HPPIR1_EL1, SysReg::ICC_EOIR0_EL1, SysReg::ICC_DIR_EL1})
        EXPECT_FALSE(vgic::left_group_write(l1, 1, reg, 0)) << static_cast<unsigned>(reg);
}

}  // namespace
}  // namespace nest::test
