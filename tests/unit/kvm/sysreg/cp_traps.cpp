// SPDX-License-Identifier: GPL-2.0-only
// Coprocessor accesses of AArch32 user code.
#include <arch/syndrome.hpp>
#include <kvm/sysreg/cp_traps.hpp>
#include <tests/unit/kvm/cpu/fixture.hpp>

namespace nest::test {
namespace {

using arch::Ec;

constexpr u64 kAlways = u64{1} << 24 | u64{0xe} << 20;

Emulation narrow(Machine& m, Ec ec, unsigned opc1, unsigned crn, unsigned crm, unsigned opc2, bool read,
                 unsigned rt = 3) {
    u64 iss = kAlways | opc2 << 17 | opc1 << 14 | crn << 10 | rt << 5 | crm << 1 | read;
    m->context.esr = u64{static_cast<u8>(ec)} << 26 | iss;
    return emulate_cp(*m, m.hooks);
}
Emulation wide(Machine& m, Ec ec, unsigned opc1, unsigned crm, bool read) {
    m->context.esr = u64{static_cast<u8>(ec)} << 26 | kAlways | opc1 << 16 | 4 << 10 | 3 << 5 | crm << 1 | read;
    return emulate_cp(*m, m.hooks);
}

struct CpTraps : testing::Test {
    CpTraps() { m->context.pstate = 0x10; }
    Machine m;
};

TEST_F(CpTraps, WideCounters) {
    const std::pair<unsigned, SysReg> regs[] = {
        {0, SysReg::CNTPCT_EL0},    {1, SysReg::CNTVCT_EL0},   {2, SysReg::CNTP_CVAL_EL0},
        {3, SysReg::CNTV_CVAL_EL0}, {8, SysReg::CNTPCTSS_EL0}, {9, SysReg::CNTVCTSS_EL0},
    };
    for (auto [opc1, reg] : regs) {
        m.hooks.calls.clear();
        EXPECT_EQ(wide(m, Ec::kCp15Rrt, opc1, 14, true), Emulation::kDone);
        EXPECT_EQ(m->context.x[3], 0x9abc'def0u);
        EXPECT_EQ(m->context.x[4], 0x1234'5678u);
        ASSERT_EQ(m.hooks.calls.size(), 1u);
        EXPECT_EQ(m.hooks.calls[0].reg, reg);
    }
    m->context.x[3] = 0xffff'ffff'0000'0001;  // only r3 and r4 count
    m->context.x[4] = 0xffff'ffff'0000'0002;
    EXPECT_EQ(wide(m, Ec::kCp15Rrt, 2, 14, false), Emulation::kDone);
    EXPECT_EQ(m.hooks.calls.back().value, 0x2'0000'0001u);
    EXPECT_FALSE(m.hooks.calls.back().is_read);
}

TEST_F(CpTraps, NarrowTimers) {
    const std::tuple<unsigned, unsigned, SysReg> regs[] = {
        {2, 0, SysReg::CNTP_TVAL_EL0}, {2, 1, SysReg::CNTP_CTL_EL0},
        {3, 0, SysReg::CNTV_TVAL_EL0}, {3, 1, SysReg::CNTV_CTL_EL0}};
    for (auto [crm, opc2, reg] : regs) {
        EXPECT_EQ(narrow(m, Ec::kCp15Rt, 0, 14, crm, opc2, true), Emulation::kDone);
        EXPECT_EQ(m->context.x[3], 0x9abc'def0u);
        EXPECT_EQ(m.hooks.calls.back().reg, reg);
    }
}

TEST_F(CpTraps, DebugIdentification) {
    EXPECT_EQ(narrow(m, Ec::kCp14Rt, 0, 0, 0, 0, true), Emulation::kDone);
    EXPECT_EQ(m->context.x[3], 0x352a'8000u);  // WRPs 3, BRPs 5, CTX_CMPs 2, version 10, no EL3
    EXPECT_EQ(narrow(m, Ec::kCp14Rt, 0, 0, 0, 0, false), Emulation::kUndefined);
    EXPECT_EQ(wide(m, Ec::kCp14Rrt, 0, 1, true), Emulation::kDone);
    EXPECT_EQ(m->context.x[3] | m->context.x[4], 0u);
}

TEST_F(CpTraps, FlagsAsDestination) {
    m->context.pstate = 0xf000'0010;
    EXPECT_EQ(narrow(m, Ec::kCp14Rt, 0, 0, 1, 0, true, 31), Emulation::kDone);  // MRC p14, 0, APSR_nzcv, c0, c1, 0
    EXPECT_EQ(m->context.pstate, 0x10u);
}

TEST_F(CpTraps, AllElseIsUndefined) {
    unsigned done = 0;
    for (Ec ec : {Ec::kCp15Rt, Ec::kCp14Rt})
        for (unsigned i = 0; i < 1 << 14; i++)
            for (bool read : {false, true})
                done += narrow(m, ec, i & 7, i >> 3 & 15, i >> 7 & 15, i >> 11, read) == Emulation::kDone;
    EXPECT_EQ(done, 4u * 2 + 2 + 4);  // timers and the data register both ways, four more read-only
    done = 0;
    for (Ec ec : {Ec::kCp15Rrt, Ec::kCp14Rrt})
        for (unsigned i = 0; i < 256; i++)
            for (bool read : {false, true})
                done += wide(m, ec, i & 15, i >> 4, read) == Emulation::kDone;
    EXPECT_EQ(done, 6u * 2 + 2);
    for (Ec ec : {Ec::kCp14Ldc, Ec::kCp10Id})
        EXPECT_EQ(narrow(m, ec, 0, 0, 5, 0, true), Emulation::kUndefined);
}

TEST_F(CpTraps, AFailedConditionDoesNothing) {
    m->context.pstate = 0x10;  // Z clear
    m->context.esr = u64{0x04} << 26 | u64{1} << 24 | u64{0} << 20 | 1 << 16 | 4 << 10 | 3 << 5 | 14 << 1 | 1;  // EQ
    m->context.x[3] = 5;
    EXPECT_EQ(emulate_cp(*m, m.hooks), Emulation::kDone);
    EXPECT_TRUE(m.hooks.calls.empty());
    EXPECT_EQ(m->context.x[3], 5u);
}

}  // namespace
}  // namespace nest::test
