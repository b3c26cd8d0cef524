// SPDX-License-Identifier: GPL-2.0-only
// The order of the world switch: what the emulator forgives and hardware does not.
#include <arch/cpu.hpp>
#include <gtest/gtest.h>
#include <tests/fake/port.hpp>
#include <vhe/load_put.hpp>

namespace nest::vhe {
namespace {

using arch::SysReg;
using test::Event;
using test::FakeCpu;

struct WorldSwitch : testing::Test {
    FakeCpu cpu;
    HostContext host{};
    GuestContext context{};
    vncr::RegisterFile file;
    TrapConfig traps{};
    SwitchFeatures features{};

    WorldSwitch() {
        EXPECT_TRUE(file.init());
        features = {true, true, true, true, true, true, 6, 4, true, true};
        traps.hcr = arch::HCR_EL2::of(0x1234);
        traps.mdcr = arch::MDCR_EL2::of(0xe60);
    }
    GuestView guest() { return {context, file, traps}; }
    u64 hardware(SysReg r) { return cpu.registers[r]; }
};

TEST_F(WorldSwitch, ActivateEndsWithTheGuestsHcrAndAnIsb) {
    cpu.registers[SysReg::HCR_EL2] = 0x4'8800'0000;
    activate(cpu, features, host, traps.hcr, traps.cptr, {}, 0xffff'0000'0000'0800);
    ASSERT_GE(cpu.log.size(), 2u);
    EXPECT_EQ(cpu.log.back().kind, Event::kIsb);
    const Event& last_write = cpu.log[cpu.log.size() - 2];
    EXPECT_EQ(last_write.what, static_cast<u64>(SysReg::HCR_EL2));
    EXPECT_EQ(last_write.operand, 0x1234u);
    // The vectors must be ours before TGE goes away: an exception in between would take the host's with a guest's regime.
    EXPECT_LT(cpu.position_of_write(SysReg::VBAR_EL2), cpu.position_of_write(SysReg::HCR_EL2));
}

TEST_F(WorldSwitch, CpusThatWalkAheadSeeAWholeGuest) {
    arch::known_errata.store_relaxed(bit_of(arch::Erratum::kSpeculativeAt));
    activate(cpu, features, host, traps.hcr, traps.cptr, {}, 0x800);
    arch::known_errata.store_relaxed(0);
    const int hcr = cpu.position_of_write(SysReg::HCR_EL2);
    ASSERT_GE(hcr, 1);
    EXPECT_EQ(cpu.log[static_cast<size_t>(hcr) - 1].kind, Event::kIsb);
}

TEST_F(WorldSwitch, DeactivateRestoresAllThatActivateTook) {
    const std::pair<SysReg, u64> hosts[] = {{SysReg::HCR_EL2, 0x4'8800'0000},
                                            {SysReg::VBAR_EL2, 0xffff'8000'8001'0800},
                                            {SysReg::CPTR_EL2, 0x30'0000},
                                            {SysReg::MDSCR_EL1, 0x1000}};
    for (auto [reg, value] : hosts)
        cpu.registers[reg] = value;
    const DebugEntry debug{arch::MDSCR_EL1::of(0x8000), nullptr};
    activate(cpu, features, host, traps.hcr, traps.cptr, debug, 0x800);
    EXPECT_EQ(hardware(SysReg::MDSCR_EL1), 0x8000u);
    deactivate(cpu, features, host, debug);
    for (auto [reg, value] : hosts)
        EXPECT_EQ(hardware(reg), value) << arch::name_of(reg);
    EXPECT_EQ(cpu.log.back().kind, Event::kIsb) << "interrupts may be taken right after";
}

TEST_F(WorldSwitch, MdscrIsNotTouchedWhenBothAgree) {
    activate(cpu, features, host, traps.hcr, traps.cptr, {}, 0x800);
    deactivate(cpu, features, host, {});
    EXPECT_EQ(cpu.position_of_write(SysReg::MDSCR_EL1), -1);
}

TEST_F(WorldSwitch, BreakpointsAreSwappedAndComeBack) {
    cpu.registers[SysReg::DBGBCR5_EL1] = 0x1e5;
    cpu.registers[SysReg::DBGWVR3_EL1] = 0xabc0;
    BreakpointBank bank{};
    bank.bcr[5] = 0x3;
    bank.bcr[6] = 0x7;  // the machine has six
    const DebugEntry debug{arch::MDSCR_EL1::of(0x8000), &bank};
    activate(cpu, features, host, traps.hcr, traps.cptr, debug, 0x800);
    EXPECT_EQ(hardware(SysReg::DBGBCR5_EL1), 0x3u);
    EXPECT_EQ(cpu.position_of_write(SysReg::DBGBCR6_EL1), -1);
    deactivate(cpu, features, host, debug);
    EXPECT_EQ(hardware(SysReg::DBGBCR5_EL1), 0x1e5u);
    EXPECT_EQ(hardware(SysReg::DBGWVR3_EL1), 0xabc0u);
}

TEST_F(WorldSwitch, LoadAndPutMoveEveryEl1Register) {
    u64 n = 100;
    for (const El1Register& p : kEl1Registers)
        file.set(p.guest, n++);
    load(cpu, features, host, guest());
    n = 100;
    for (const El1Register& p : kEl1Registers)
        EXPECT_EQ(hardware(p.hardware), n++) << arch::name_of(p.hardware);
    for (const El1Register& p : kEl1Registers)
        cpu.registers[p.hardware] += 1000;
    put(cpu, features, host, guest());
    n = 1100;
    for (const El1Register& p : kEl1Registers)
        EXPECT_EQ(file.get(p.guest), n++) << arch::name_of(p.guest);
}

TEST_F(WorldSwitch, PutGivesTheHostItsUserStateAndTraps) {
    const SysReg hosts[] = {SysReg::TPIDR_EL0,     SysReg::TPIDRRO_EL0,  SysReg::MDCR_EL2,     SysReg::HCRX_EL2,
                            SysReg::HFGRTR_EL2,    SysReg::HFGWTR_EL2,   SysReg::HFGITR_EL2,   SysReg::HDFGRTR_EL2,
                            SysReg::HDFGWTR_EL2,   SysReg::HAFGRTR_EL2,  SysReg::APIBKeyLo_EL1, SysReg::APGAKeyHi_EL1,
                            SysReg::HFGRTR2_EL2,   SysReg::HDFGWTR2_EL2, SysReg::MPAM2_EL2,   SysReg::MPAMHCR_EL2};
    u64 n = 1;
    for (SysReg r : hosts)
        cpu.registers[r] = 0x1000 + n++;
    load(cpu, features, host, guest());
    put(cpu, features, host, guest());
    n = 1;
    for (SysReg r : hosts)
        EXPECT_EQ(hardware(r), 0x1000 + n++) << arch::name_of(r);
}

TEST_F(WorldSwitch, TheGuestIsTheCpuThatItsVmmMadeIt) {
    file.set(SysReg::MIDR_EL1, 0x411f'd401);
    file.set(SysReg::MPIDR_EL1, 0x8000'0102);
    load(cpu, features, host, guest());
    EXPECT_EQ(hardware(SysReg::VPIDR_EL2), 0x411f'd401u);
    EXPECT_EQ(hardware(SysReg::VMPIDR_EL2), 0x8000'0102u);
}

// The host's own AArch32 processes use the CP15 registers that HSTR_EL2 has trapped for the guest.
TEST_F(WorldSwitch, NothingOfAArch32TrapsInTheHost) {
    traps.hstr = arch::HSTR_EL2::of(0x8000);
    load(cpu, features, host, guest());
    EXPECT_EQ(hardware(SysReg::HSTR_EL2), 0x8000u);
    put(cpu, features, host, guest());
    EXPECT_EQ(hardware(SysReg::HSTR_EL2), 0u);
}

TEST_F(WorldSwitch, TheHostsCountersStayTheHosts) {
    cpu.registers[SysReg::MDCR_EL2] = 6;  // HPMN
    load(cpu, features, host, guest());
    EXPECT_EQ(hardware(SysReg::MDCR_EL2), 0xe66u) << "the guest's own HPMN is 0";
}

TEST_F(WorldSwitch, AGuestReachesNoMemoryPartition) {
    cpu.registers[SysReg::MPAM2_EL2] = u64{1} << 63 | 0x0102'0003'0004;
    cpu.registers[SysReg::MPAM1_EL12] = 0x7777;  // as another left it
    cpu.registers[SysReg::MPAMHCR_EL2] = 3;
    load(cpu, features, host, guest());
    EXPECT_EQ(hardware(SysReg::MPAM2_EL2), u64{1} << 63 | u64{1} << 58 | u64{3} << 48 | 0x0102'0003'0004);
    EXPECT_EQ(hardware(SysReg::MPAM1_EL12), 0x0102'0003'0004u) << "it runs in its thread's";
    EXPECT_EQ(hardware(SysReg::MPAMHCR_EL2), u64{1} << 31);
    put(cpu, features, host, guest());
    EXPECT_EQ(hardware(SysReg::MPAM2_EL2), u64{1} << 63 | 0x0102'0003'0004);
    EXPECT_EQ(hardware(SysReg::MPAMHCR_EL2), 3u);
}

TEST_F(WorldSwitch, TheGuestsDeferredSerrorIsItsOwn) {
    file.set(SysReg::DISR_EL1, 0x8000'0011);
    load(cpu, features, host, guest());
    EXPECT_EQ(hardware(SysReg::VDISR_EL2), 0x8000'0011u);
    cpu.registers[SysReg::VDISR_EL2] = 0;
    put(cpu, features, host, guest());
    EXPECT_EQ(file.get(SysReg::DISR_EL1), 0u);
}

TEST_F(WorldSwitch, WhatFineGrainedTrapsTwoWouldPermitTraps) {
    cpu.registers[SysReg::HFGRTR2_EL2] = ~0ull;
    load(cpu, features, host, guest());
    EXPECT_EQ(hardware(SysReg::HFGRTR2_EL2), 0u);
}

TEST_F(WorldSwitch, RegistersThatTheMachineLacksAreNotTouched) {
    features = {};
    load(cpu, features, host, guest());
    put(cpu, features, host, guest());
    for (SysReg r : {SysReg::HFGRTR_EL2, SysReg::HCRX_EL2, SysReg::HAFGRTR_EL2, SysReg::APIBKeyLo_EL1, SysReg::MPAM2_EL2,
                     SysReg::MPAM1_EL12, SysReg::MPAMHCR_EL2, SysReg::VDISR_EL2})
        EXPECT_EQ(cpu.position_of_write(r), -1) << arch::name_of(r);
}

}  // namespace
}  // namespace nest::vhe
