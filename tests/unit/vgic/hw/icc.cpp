// SPDX-License-Identifier: GPL-2.0-only
// The CPU interface's registers: user space's view and trapped accesses.
#include <gtest/gtest.h>
#include <tests/unit/vgic/machine.hpp>
#include <vgic/hw/icc.hpp>

namespace nest::test {
namespace {

using arch::SysReg;

u64 get(Machine& m, SysReg r) { return vgic::user_get_register(m.cpu(0), r).value_or(~u64{0}); }
Status set(Machine& m, SysReg r, u64 v) { return vgic::user_set_register(m.cpu(0), r, v); }

TEST(Icc, UserRegistersGoThroughVmcr) {
    Machine m(1);
    m.cpu(0).hw.vmcr = 0;
    EXPECT_TRUE(set(m, SysReg::ICC_PMR_EL1, 0xf0).ok());
    EXPECT_TRUE(set(m, SysReg::ICC_BPR0_EL1, 2).ok());
    EXPECT_TRUE(set(m, SysReg::ICC_BPR1_EL1, 3).ok());
    EXPECT_TRUE(set(m, SysReg::ICC_IGRPEN0_EL1, 1).ok());
    EXPECT_TRUE(set(m, SysReg::ICC_IGRPEN1_EL1, 1).ok());
    EXPECT_EQ(m.cpu(0).hw.vmcr, 0xf0u << 24 | 2u << 21 | 3u << 18 | 1u << 3 | 3u) << "and VFIQEn";
    EXPECT_EQ(get(m, SysReg::ICC_PMR_EL1), 0xf0u);
    EXPECT_EQ(get(m, SysReg::ICC_BPR0_EL1), 2u);
    EXPECT_EQ(get(m, SysReg::ICC_BPR1_EL1), 3u);
    EXPECT_EQ(get(m, SysReg::ICC_IGRPEN0_EL1), 1u);
    EXPECT_EQ(get(m, SysReg::ICC_IGRPEN1_EL1), 1u);
    EXPECT_EQ(get(m, SysReg::ICC_SRE_EL1), 7u);
    EXPECT_EQ(set(m, SysReg::ICC_SRE_EL1, 6).error(), Errno::kInval);
    EXPECT_TRUE(set(m, SysReg::ICC_SRE_EL1, 1).ok());
    EXPECT_EQ(set(m, SysReg::ICC_RPR_EL1, 6).error(), Errno::kNoEnt);
    EXPECT_EQ(vgic::user_get_register(m.cpu(0), SysReg::ICC_SGI1R_EL1).error(), Errno::kNoEnt);
}

TEST(Icc, CommonBinaryPoint) {
    Machine m(1);
    const u64 control = get(m, SysReg::ICC_CTLR_EL1);
    EXPECT_TRUE(set(m, SysReg::ICC_BPR1_EL1, 5).ok());
    EXPECT_TRUE(set(m, SysReg::ICC_BPR0_EL1, 2).ok());
    EXPECT_TRUE(set(m, SysReg::ICC_CTLR_EL1, control | 1).ok());
    EXPECT_EQ(get(m, SysReg::ICC_BPR1_EL1), 3u);
    EXPECT_TRUE(set(m, SysReg::ICC_BPR1_EL1, 1).ok());
    EXPECT_TRUE(set(m, SysReg::ICC_BPR0_EL1, 7).ok());
    EXPECT_EQ(get(m, SysReg::ICC_BPR1_EL1), 7u);
    EXPECT_TRUE(set(m, SysReg::ICC_CTLR_EL1, control).ok());
    EXPECT_EQ(get(m, SysReg::ICC_BPR1_EL1), 5u);
}

TEST(Icc, ControlRefusesWhatTheMachineLacks) {
    Machine m(1);
    const u64 control = get(m, SysReg::ICC_CTLR_EL1);
    EXPECT_EQ(control, 1u << 15 | 4u << 8);
    EXPECT_EQ(set(m, SysReg::ICC_CTLR_EL1, control + (1 << 8)).error(), Errno::kInval);
    EXPECT_EQ(set(m, SysReg::ICC_CTLR_EL1, control + (1 << 11)).error(), Errno::kInval);
    EXPECT_EQ(set(m, SysReg::ICC_CTLR_EL1, control ^ 1 << 14).error(), Errno::kInval);
    EXPECT_EQ(set(m, SysReg::ICC_CTLR_EL1, control ^ 1 << 15).error(), Errno::kInval);
    EXPECT_TRUE(set(m, SysReg::ICC_CTLR_EL1, control | 2).ok());
    EXPECT_EQ(get(m, SysReg::ICC_CTLR_EL1), control | 2);
    EXPECT_TRUE(m.cpu(0).split_eoi.load_relaxed());
}

TEST(Icc, ActivePriorityRegistersThatExist) {
    for (const auto& [bits, count] : {std::pair{5, 1u}, std::pair{6, 2u}, std::pair{7, 4u}}) {
        Machine m(1);
        m.cpu(0).priority_bits = static_cast<u8>(bits);
        for (unsigned i = 0; i < 4; i++) {
            const auto r0 = static_cast<SysReg>(static_cast<unsigned>(SysReg::ICC_AP0R0_EL1) + i);
            const auto r1 = static_cast<SysReg>(static_cast<unsigned>(SysReg::ICC_AP1R0_EL1) + i);
            EXPECT_TRUE(vgic::user_has_register(r0) && vgic::user_has_register(r1));
            EXPECT_EQ(set(m, r0, 10 + i).ok(), i < count);
            EXPECT_EQ(set(m, r1, 20 + i).ok(), i < count);
            EXPECT_EQ(get(m, r0), i < count ? 10 + i : ~u64{0});
            EXPECT_EQ(get(m, r1), i < count ? 20 + i : ~u64{0});
        }
    }
}

TEST(Icc, TrappedCommonRegisters) {
    Machine m(1);
    vgic::CpuInterface& cpu = m.cpu(0);
    u64 v = 0;
    bool stays = false;
    test::port().on_preempt_disable = [&] { stays = true; };
    EXPECT_TRUE(vgic::trapped_write(cpu, SysReg::ICC_PMR_EL1, 0x1ff));
    EXPECT_TRUE(stays) << "a switch of threads in between would read hardware's value over the new one";
    EXPECT_TRUE(vgic::trapped_read(cpu, SysReg::ICC_PMR_EL1, v));
    EXPECT_EQ(v, 0xf8u);
    EXPECT_TRUE(cpu.hw.vmcr_dirty);
    EXPECT_TRUE(vgic::trapped_write(cpu, SysReg::ICC_CTLR_EL1, 3));
    EXPECT_TRUE(vgic::trapped_read(cpu, SysReg::ICC_CTLR_EL1, v));
    EXPECT_EQ(v, 1u << 15 | 4u << 8 | 3u);
    EXPECT_TRUE(vgic::trapped_read(cpu, SysReg::ICC_SRE_EL1, v));
    EXPECT_EQ(v, 7u);
    EXPECT_TRUE(vgic::trapped_write(cpu, SysReg::ICC_SRE_EL1, 0));
    EXPECT_FALSE(vgic::trapped_read(cpu, SysReg::ICC_SGI1R_EL1, v));
    EXPECT_FALSE(vgic::trapped_read(cpu, SysReg::ICC_DIR_EL1, v));
    EXPECT_FALSE(vgic::trapped_write(cpu, SysReg::ICC_RPR_EL1, v));
    EXPECT_FALSE(vgic::trapped_write(cpu, SysReg::ICC_IAR1_EL1, v));
}

TEST(Icc, RunningPriority) {
    Machine m(1);
    u64 v = 0;
    vgic::trapped_read(m.cpu(0), SysReg::ICC_RPR_EL1, v);
    EXPECT_EQ(v, 0xffu);
    m.cpus[0].registers[SysReg::ICH_AP1R0_EL2] = 1u << 20 | 1u << 10;
    m.cpus[0].registers[SysReg::ICH_AP0R0_EL2] = 1u << 12;
    vgic::save_active_priorities(m.cpus[0], m.cpu(0));
    vgic::trapped_read(m.cpu(0), SysReg::ICC_RPR_EL1, v);
    EXPECT_EQ(v, 80u);
}

TEST(Icc, DirIsNothingInEoiMode0) {
    Machine m(1);
    m.write(0, Machine::gicr(0, 0x10300), 1u << 20);
    EXPECT_TRUE(vgic::trapped_write(m.cpu(0), SysReg::ICC_DIR_EL1, 20));
    EXPECT_EQ(m.bank(0, 20).active, 1u << 20);
    set(m, SysReg::ICC_CTLR_EL1, get(m, SysReg::ICC_CTLR_EL1) | 2).value();
    EXPECT_TRUE(vgic::trapped_write(m.cpu(0), SysReg::ICC_DIR_EL1, 20));
    EXPECT_EQ(m.bank(0, 20).active, 0u);
}

}  // namespace
}  // namespace nest::test
