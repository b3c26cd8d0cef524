// SPDX-License-Identifier: GPL-2.0-only
// The order of register accesses at load, flush, sync and put, and that nothing is touched without need.
#include <gtest/gtest.h>
#include <tests/unit/vgic/machine.hpp>
#include <vgic/hw/icc.hpp>

namespace nest::test {
namespace {

using arch::SysReg;
using Kind = Event::Kind;

Event wrote(SysReg r, u64 v) { return {Kind::kWrite, static_cast<u64>(r), v}; }
std::vector<SysReg> registers_of(const FakeCpu& cpu, Kind kind) {
    std::vector<SysReg> list;
    for (const Event& e : cpu.log)
        if (e.kind == kind)
            list.push_back(static_cast<SysReg>(e.what));
    return list;
}

TEST(Entry, IdleFlushWritesOneRegister) {
    Machine m(1);
    FakeCpu& cpu = m.cpus[0];
    cpu.log_reads = true;
    cpu.log.clear();
    m.flush(0);
    using Hcr = arch::ICH_HCR_EL2;
    EXPECT_EQ(cpu.log, (std::vector<Event>{wrote(SysReg::ICH_HCR_EL2, Hcr::mask<Hcr::En, Hcr::TDIR>())}));
}

TEST(Entry, QuietMeansNoTraceOfAnInterrupt) {
    constexpr u32 kTimers = u32{1} << 27 | u32{1} << 30;
    Machine m(1);
    vgic::CpuInterface& cpu = m.cpu(0);
    EXPECT_TRUE(vgic::all_quiet(cpu, kTimers));
    m.inject(0, 26, true);
    EXPECT_TRUE(vgic::all_quiet(cpu, kTimers)) << "another's";
    m.enable(0, 27);
    m.inject(0, 27, true);
    EXPECT_FALSE(vgic::all_quiet(cpu, kTimers)) << "its line is high";
    m.run(0, [](FakeCpuInterface& g) { EXPECT_EQ(g.acknowledge(), 27u); });
    m.inject(0, 27, false);
    EXPECT_FALSE(vgic::all_quiet(cpu, kTimers)) << "it is active";
    m.run(0, [](FakeCpuInterface& g) { g.eoi(27); });
    EXPECT_TRUE(vgic::all_quiet(cpu, kTimers));
}

TEST(Entry, IdleSyncReadsVmcrAndSwitchesOff) {
    Machine m(1);
    FakeCpu& cpu = m.cpus[0];
    m.flush(0);
    cpu.log_reads = true;
    cpu.log.clear();
    const unsigned long flags = nest_port_irq_save();
    vgic::sync(cpu, m.cpu(0));
    nest_port_irq_restore(flags);
    EXPECT_EQ(registers_of(cpu, Kind::kRead), std::vector{SysReg::ICH_VMCR_EL2});
    EXPECT_EQ(registers_of(cpu, Kind::kWrite), std::vector{SysReg::ICH_HCR_EL2});
    EXPECT_EQ(cpu.registers[SysReg::ICH_HCR_EL2], 0u);
}

TEST(Entry, OneInterruptUsesOneListRegisterAndClearsIt) {
    Machine m(1);
    FakeCpu& cpu = m.cpus[0];
    m.enable(0, 20);
    m.inject(0, 20, true);
    cpu.log.clear();
    m.flush(0);
    EXPECT_EQ(registers_of(cpu, Kind::kWrite), (std::vector{SysReg::ICH_HCR_EL2, SysReg::ICH_LR0_EL2}));
    EXPECT_NE(cpu.registers[SysReg::ICH_LR0_EL2], 0u);
    cpu.log.clear();
    cpu.log_reads = true;
    m.sync(0);
    // Read back before it is cleared; the interface goes off last.
    const std::vector<SysReg> reads = registers_of(cpu, Kind::kRead), writes = registers_of(cpu, Kind::kWrite);
    EXPECT_EQ(reads, (std::vector{SysReg::ICH_ELRSR_EL2, SysReg::ICH_LR0_EL2, SysReg::ICH_VMCR_EL2}));
    EXPECT_EQ(writes, (std::vector{SysReg::ICH_LR0_EL2, SysReg::ICH_HCR_EL2}));
    EXPECT_EQ(cpu.log.back(), wrote(SysReg::ICH_HCR_EL2, 0));
    EXPECT_EQ(cpu.registers[SysReg::ICH_LR0_EL2], 0u);
}

TEST(Entry, EmptyListRegistersAreNotRead) {
    Machine m(1);
    FakeCpu& cpu = m.cpus[0];
    m.write(0, Machine::gicr(0, 0x10200), 1);  // an SGI: no EOI maintenance
    m.flush(0);
    FakeCpuInterface g = m.guest(0);
    g.eoi(g.acknowledge());
    cpu.log.clear();
    cpu.log_reads = true;
    m.sync(0);
    EXPECT_EQ(registers_of(cpu, Kind::kRead), (std::vector{SysReg::ICH_ELRSR_EL2, SysReg::ICH_VMCR_EL2}));
    EXPECT_EQ(m.bank(0, 0).relevant(), 0u);
}

TEST(Entry, LoadAndPutMoveVmcrAndActivePriorities) {
    Machine m(1);
    FakeCpu cpu;
    vgic::CpuInterface& state = m.cpu(0);
    state.hw.vmcr = 0xf8000002;
    state.hw.ap0r[0] = 5;
    state.hw.ap1r[0] = 6;
    vgic::load(cpu, state);
    EXPECT_EQ(cpu.log, (std::vector<Event>{wrote(SysReg::ICH_VMCR_EL2, 0xf8000002), wrote(SysReg::ICH_AP0R0_EL2, 5),
                                           wrote(SysReg::ICH_AP1R0_EL2, 6)}));
    cpu.registers[SysReg::ICH_VMCR_EL2] = 0x80000002;
    cpu.registers[SysReg::ICH_AP0R0_EL2] = 1;
    cpu.registers[SysReg::ICH_AP1R0_EL2] = 2;
    cpu.log.clear();
    vgic::put(cpu, state);
    EXPECT_EQ(state.hw.vmcr, 0x80000002u);
    EXPECT_EQ(state.hw.ap0r[0], 1u);
    EXPECT_EQ(state.hw.ap1r[0], 2u);
    EXPECT_TRUE(registers_of(cpu, Kind::kWrite).empty());
}

TEST(Entry, ActivePriorityRegistersByPreemptionBits) {
    for (const auto& [bits, count] : {std::pair{4u, 1u}, std::pair{5u, 2u}, std::pair{6u, 4u}}) {
        Machine m(1);
        vgic::HostGic gic = m.gic;
        gic.vtr = gic.vtr.with<arch::ICH_VTR_EL2::PREbits>(bits);
        vgic::Distributor other(m.callbacks, gic, kIpaLimit);
        vgic::CpuInterface state;
        Machine::ok(other.register_cpu(state, 0, 0));
        FakeCpu cpu;
        vgic::load(cpu, state);
        EXPECT_EQ(cpu.log.size(), 1 + 2 * count);
    }
}

TEST(Entry, GuestCannotLeaveSystemRegisterModeWhereThatExists) {
    Machine m(1);
    vgic::HostGic gic = m.gic;
    gic.v2_compat = true;
    vgic::Distributor other(m.callbacks, gic, kIpaLimit);
    vgic::CpuInterface state;
    Machine::ok(other.register_cpu(state, 0, 0));
    FakeCpu cpu;
    cpu.registers[SysReg::ICC_SRE_EL2] = 0xf;
    vgic::load(cpu, state);
    EXPECT_EQ(cpu.registers[SysReg::ICC_SRE_EL2], 0x7u);
    EXPECT_LT(cpu.position_of_write(SysReg::ICC_SRE_EL2), cpu.position_of_write(SysReg::ICH_VMCR_EL2));
    vgic::put(cpu, state);
    EXPECT_EQ(cpu.registers[SysReg::ICC_SRE_EL2], 0xfu);
}

TEST(Entry, ProbeRestoresSystemRegisterMode) {
    FakeCpu cpu;
    cpu.registers[SysReg::ICH_VTR_EL2] = 0x90080003;
    cpu.registers[SysReg::ICC_SRE_EL1] = 7;
    const vgic::HostGic gic = vgic::probe(cpu);
    EXPECT_EQ(gic.list_registers(), 4u);
    EXPECT_EQ(gic.priority_bits(), 5u);
    EXPECT_TRUE(gic.v2_compat);  // the fake register took the zero
    EXPECT_EQ(gic.dir_trap(), arch::ICH_HCR_EL2::TDIR::kMask);
    EXPECT_EQ(cpu.registers[SysReg::ICC_SRE_EL1], 7u);
    EXPECT_EQ(cpu.log.back().kind, Kind::kIsb);
}

TEST(Entry, InitCpuClearsEveryListRegister) {
    Machine m(1, 16);
    FakeCpu cpu;
    for (unsigned i = 0; i < 16; i++)
        cpu.registers[static_cast<SysReg>(static_cast<unsigned>(SysReg::ICH_LR0_EL2) + i)] = ~u64{0};
    vgic::init_cpu(cpu, m.gic);
    for (unsigned i = 0; i < 16; i++)
        EXPECT_EQ(cpu.registers[static_cast<SysReg>(static_cast<unsigned>(SysReg::ICH_LR0_EL2) + i)], 0u);
}

TEST(Entry, EmulatedVmcrReachesHardwareAtTheNextFlush) {
    Machine m(1);
    m.cpu(0).hw.vmcr = 0x10000002;
    m.cpu(0).hw.vmcr_dirty = true;
    FakeCpu& cpu = m.cpus[0];
    vgic::put(cpu, m.cpu(0));  // must not lose it
    EXPECT_EQ(m.cpu(0).hw.vmcr, 0x10000002u);
    cpu.log.clear();
    m.flush(0);
    EXPECT_EQ(cpu.log.front(), wrote(SysReg::ICH_VMCR_EL2, 0x10000002));
    cpu.log.clear();
    m.sync(0);
    m.flush(0);
    EXPECT_EQ(cpu.position_of_write(SysReg::ICH_VMCR_EL2), -1);
}

// The second vCPU turns EOImode 1 on and deactivates the first one's SPI, all in one run.
TEST(Entry, TheFirstDirTrapsBeforeEoiModeIsKnown) {
    Machine m(2);
    m.make_edge(40);
    m.enable(0, 40);
    m.flush(1);
    m.inject(0, 40, true);
    m.run(0, [](FakeCpuInterface& g) { EXPECT_EQ(g.acknowledge(), 40u); });
    m.flush(0);
    m.guest(1).set_vmcr(0xf0, true, true);
    EXPECT_FALSE(m.guest(1).dir(40));
    m.sync(1);
    EXPECT_TRUE(vgic::trapped_write(m.cpu(1), SysReg::ICC_DIR_EL1, 40));
    EXPECT_EQ(m.callbacks.halts, 1u) << "it was in vCPU 0's list register";
    EXPECT_EQ(m.callbacks.resumes, 1u);
    m.sync(0);
}

TEST(Entry, KnownEoiMode1TrapsDirOnlyWhileAnotherHoldsAnSpi) {
    Machine m(2);
    m.make_edge(40);
    m.enable(0, 40);
    m.guest(1).set_vmcr(0xf0, true, true);
    m.run(1, [](FakeCpuInterface&) {});
    m.flush(1);
    EXPECT_TRUE(m.guest(1).dir(41));
    m.callbacks.kicks.clear();
    m.inject(0, 40, true);
    EXPECT_TRUE(m.callbacks.kicked(1));
    m.sync(1);
    m.flush(1);
    EXPECT_FALSE(m.guest(1).dir(40));
    m.callbacks.kicks.clear();
    m.make_edge(41);
    m.enable(0, 41);
    m.inject(0, 41, true);
    EXPECT_FALSE(m.callbacks.kicked(1)) << "it traps already";
    m.sync(1);
}


}  // namespace
}  // namespace nest::test
