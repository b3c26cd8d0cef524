// SPDX-License-Identifier: GPL-2.0-only
// What the vectors do against branch history, by CPU: the counts are the makers'.
#include <gtest/gtest.h>
#include <vhe/branch_history.hpp>

namespace nest::vhe {
namespace {

struct Id {
    u64 csv2 = 1, clrbhb = 0, ecbhb = 0;
};
ExitDefence defence(u32 midr, const Id& id = {}, u32 offered = 0) {
    return exit_defence(midr, arch::ID_AA64PFR0_EL1::of(id.csv2 << 56 | 0x1111),
                        arch::ID_AA64ISAR2_EL1::of(id.clrbhb << 28), arch::ID_AA64MMFR1_EL1::of(id.ecbhb << 60),
                        [=](u32 function) { return function == offered; });
}
constexpr u32 kA76 = 0x413f'd0b1, kUnknown = 0x000f'0510, kA55 = 0x412f'd050;

TEST(BranchHistory, RoundsByModel) {
    struct Case {
        u32 midr;
        int rounds;
    };
    const Case cases[] = {
        {0x410f'd050, 0},   {0x411f'd460, 0},   {0x410f'd800, 0},    {0x51df'803e, 0},    {0x51df'805e, 0},
        {0xc00f'ac30, 11},  {0x413f'd0b1, 24},  {0x410f'd0e0, 24},   {0x410f'd0d0, 24},   {0x413f'd0c1, 24},
        {0x51ff'804e, 24},  {0x480f'd020, 24},  {0x410f'd410, 32},   {0x410f'd420, 32},   {0x410f'd4b0, 32},
        {0x410f'd440, 32},  {0x410f'd4c0, 32},  {0x410f'd470, 32},   {0x410f'd480, 32},   {0x410f'd490, 32},
        {0x411f'd402, 32},  {0x480f'd010, 32},  {0x410f'd4d0, 38},   {0x410f'd810, 38},   {0x410f'd890, 38},
        {0x410f'd4e0, 132}, {0x410f'd4f0, 132}, {0xc00f'ac40, -1},   {kUnknown, -1},      {0x610f'0220, -1},
    };
    for (const Case& c : cases)
        EXPECT_EQ(history_rounds(c.midr), c.rounds) << std::hex << c.midr;
}

TEST(BranchHistory, TheLoopIsForCpusThatHaveNothingElse) {
    EXPECT_EQ(defence(kA76), (ExitDefence{24, 0}));
    EXPECT_EQ(defence(kA76, {.csv2 = 2}), (ExitDefence{24, 0}));
    EXPECT_EQ(defence(kA76, {.csv2 = 3}), ExitDefence{}) << "the history is the context's own";
    EXPECT_EQ(defence(kA76, {.clrbhb = 1}), ExitDefence{}) << "the vectors issue it";
    EXPECT_EQ(defence(kA76, {.ecbhb = 1}), ExitDefence{});
    EXPECT_EQ(defence(kA76, {}, kArchWorkaround3), (ExitDefence{24, 0})) << "the loop costs less";
    EXPECT_EQ(defence(kA55, {}, kArchWorkaround3), ExitDefence{}) << "known to be safe";
}

TEST(BranchHistory, FirmwareHelpsWhereNobodyElseCan) {
    EXPECT_EQ(defence(kUnknown, {}, kArchWorkaround3), (ExitDefence{0, kArchWorkaround3}));
    EXPECT_EQ(defence(kUnknown), ExitDefence{}) << "nothing can be done";
    EXPECT_EQ(defence(kUnknown, {.clrbhb = 1}, kArchWorkaround3), ExitDefence{});
}

TEST(BranchHistory, WithoutCsv2TargetsAreTheFirmwaresToForget) {
    EXPECT_EQ(defence(kA76, {.csv2 = 0}, kArchWorkaround1), (ExitDefence{24, kArchWorkaround1}));
    EXPECT_EQ(defence(kA76, {}, kArchWorkaround1), (ExitDefence{24, 0}));
    const auto both = exit_defence(kUnknown, arch::ID_AA64PFR0_EL1{}, {}, {}, [](u32) { return true; });
    EXPECT_EQ(both, (ExitDefence{0, kArchWorkaround3})) << "the one includes the other";
}

}  // namespace
}  // namespace nest::vhe
