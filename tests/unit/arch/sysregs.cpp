// SPDX-License-Identifier: GPL-2.0-only
// The register table, and the small types that everything stands on.
#include <arch/address.hpp>
#include <arch/registers.hpp>
#include <arch/syndrome.hpp>
#include <base/result.hpp>
#include <gtest/gtest.h>

namespace nest::arch {
namespace {

TEST(SysRegs, EveryRowIsFoundByItsEncoding) {
    for (size_t i = 0; i < kSysRegCount; i++) {
        const SysReg reg = static_cast<SysReg>(i);
        EXPECT_EQ(find_sysreg(encoding_of(reg)), reg) << name_of(reg);
    }
}

TEST(SysRegs, WhatIsNotInTheTableIsNotFound) {
    size_t found = 0;
    for (unsigned raw = 0; raw < 1 << 16; raw++)
        found += find_sysreg({static_cast<u16>(raw)}) != SysReg::kCount;
    EXPECT_EQ(found, kSysRegCount);
}

TEST(SysRegs, AliasesOfEl12DifferInOp1Only) {
    EXPECT_EQ(encoding_of(SysReg::SCTLR_EL12).raw, encoding_of(SysReg::SCTLR_EL1).raw | 5 << 11);
    EXPECT_EQ(encoding_of(SysReg::CNTV_CTL_EL02).op1(), 5u);
}

TEST(SysRegs, SyndromeNamesTheSameRegister) {
    // MRS x3, ICC_SGI1R_EL1 as [DDI0487] D24.2.42 lays its ISS out
    const Encoding e = encoding_of(SysReg::ICC_SGI1R_EL1);
    const SysRegIss iss = SysRegIss{}
                              .with<SysRegIss::Op0>(e.op0())
                              .with<SysRegIss::Op1>(e.op1())
                              .with<SysRegIss::CRn>(e.crn())
                              .with<SysRegIss::CRm>(e.crm())
                              .with<SysRegIss::Op2>(e.op2())
                              .with<SysRegIss::Rt>(3)
                              .with<SysRegIss::Read>(1);
    EXPECT_EQ(iss.encoding(), e);
    EXPECT_EQ(iss.raw, 0x3a'3077u);
}

Result<u64> half(u64 v) { return v % 2 ? Result<u64>(Errno::kInval) : v / 2; }
Result<u64> quarter(u64 v) { return half(NEST_TRY(half(v))); }

TEST(ResultType, TryReturnsTheFirstError) {
    EXPECT_EQ(quarter(12).value(), 3u);
    EXPECT_EQ(quarter(6).error(), Errno::kInval);
    EXPECT_EQ(to_abi(quarter(7)), -22);
}

TEST(Addresses, RoundingAndFrames) {
    const Ipa a(0x4000'1fff);
    EXPECT_EQ(a.align_down(kPageSize).raw, 0x4000'1000u);
    EXPECT_EQ(a.align_up(kPageSize).raw, 0x4000'2000u);
    EXPECT_EQ(gfn_of(a), 0x4'0001u);
    EXPECT_EQ(ipa_of_gfn(gfn_of(a)).raw, 0x4000'1000u);
}

}  // namespace
}  // namespace nest::arch
