// SPDX-License-Identifier: GPL-2.0-only
// The short ways of el2_short_ways.hpp do what emulate_el2_access() does.
#include <nested/cpu/el2_short_ways.hpp>
#include <tests/unit/nested/cpu/without_e2h.hpp>

namespace nest::nested {
namespace {

struct Access {
    SysReg reg;
    bool e2h, is_read;
};

struct Side : WithoutE2h {
    void TestBody() override {}
    void make(const Access& a, u64 value) {
        choose(a.e2h ? H::E2H::kMask : 0);
        l1(a.reg, ~value);
        load();
        context.x[5] = value;
    }
};

arch::SysRegIss iss_of(const Access& a, unsigned rt) {
    return arch::SysRegIss::of(sysreg_esr(encoding_of(a.reg), a.is_read, rt) & 0x1ff'ffff);
}

void expect_the_long_way(const Access& a, u64 value, unsigned rt) {
    Side at_once, long_way;
    at_once.make(a, value);
    long_way.make(a, value);
    ASSERT_TRUE(answer_at_once(at_once.cpu, at_once.v, iss_of(a, rt)));
    ASSERT_EQ(emulate_el2_access(long_way.cpu, long_way.v, iss_of(a, rt), long_way.hooks), Outcome::kDone);
    EXPECT_EQ(at_once.context.x[5], long_way.context.x[5]);
    EXPECT_EQ(at_once.context.pc, long_way.context.pc);
    EXPECT_EQ(at_once.context.pstate, long_way.context.pstate);
    for (unsigned i = 0; i < arch::kSysRegCount; i++) {
        const auto reg = static_cast<SysReg>(i);
        EXPECT_EQ(at_once.file.get(reg), long_way.file.get(reg)) << arch::name_of(reg);
        if (reg != SysReg::VNCR_EL2)  // where each has its page
            EXPECT_EQ(at_once.cpu.registers[reg], long_way.cpu.registers[reg]) << arch::name_of(reg);
    }
}

TEST(ShortWays, DoWhatTheLongOneDoes) {
    constexpr Access kShort[] = {
        {SysReg::MDCR_EL2, false, false}, {SysReg::MDCR_EL2, false, true},    {SysReg::MDCR_EL2, true, false},
        {SysReg::MDCR_EL2, true, true},   {SysReg::CPACR_EL1, true, false},   {SysReg::CPTR_EL2, false, false},
        {SysReg::VBAR_EL2, false, false}, {SysReg::CNTHCTL_EL2, false, false}, {SysReg::CNTHCTL_EL2, false, true},
    };
    for (const Access& a : kShort) {
        SCOPED_TRACE(testing::Message() << arch::name_of(a.reg) << " e2h " << a.e2h << " read " << a.is_read);
        for (const u64 value : {u64{0}, ~u64{0}, u64{0x1234'5678'9abc'def0}})
            for (const unsigned rt : {5u, 31u})
                expect_the_long_way(a, value, rt);
    }
}

TEST(ShortWays, LeaveAllElseAlone) {
    constexpr Access kOthers[] = {
        {SysReg::CPACR_EL1, false, false}, {SysReg::CPACR_EL1, true, true}, {SysReg::CPTR_EL2, true, false},
        {SysReg::CPTR_EL2, false, true},   {SysReg::VBAR_EL2, true, false}, {SysReg::CNTHCTL_EL2, true, false},
        {SysReg::HCR_EL2, false, false},   {SysReg::ESR_EL2, false, true},
    };
    for (const Access& a : kOthers) {
        Side side;
        side.make(a, 77);
        const u64 pc = side.context.pc, before = side.file.get(a.reg);
        EXPECT_FALSE(answer_at_once(side.cpu, side.v, iss_of(a, 5))) << arch::name_of(a.reg);
        EXPECT_EQ(side.context.pc, pc);
        EXPECT_EQ(side.file.get(a.reg), before);
        EXPECT_TRUE(side.cpu.log.empty());
    }
}

TEST(ShortWays, IdentificationIsAnyGuests) {
    EXPECT_TRUE(reads_identification(iss_of({SysReg::ID_AA64PFR0_EL1, false, true}, 5)));
    EXPECT_FALSE(reads_identification(iss_of({SysReg::ID_AA64PFR0_EL1, false, false}, 5)));
    EXPECT_FALSE(reads_identification(iss_of({SysReg::MIDR_EL1, false, true}, 5)));
    EXPECT_FALSE(reads_identification(iss_of({SysReg::SCTLR_EL1, false, true}, 5)));
    EXPECT_FALSE(reads_identification(iss_of({SysReg::VPIDR_EL2, false, true}, 5)));
}

}  // namespace
}  // namespace nest::nested
