// SPDX-License-Identifier: GPL-2.0-only
// Where a fault was: HPFAR_EL2 when it is valid, else the guest's own translation.
#include <arch/cpu.hpp>
#include <gtest/gtest.h>
#include <vhe/exit.hpp>

namespace nest::vhe {
namespace {

using arch::SysReg;
using test::Event;

constexpr u64 esr_of(arch::Ec ec, u64 iss) { return static_cast<u64>(ec) << 26 | iss; }

struct CaptureExit : testing::Test {
    test::FakeCpu cpu;
    GuestContext context{};

    bool capture(u64 esr, u64 far = 0xffff'8000'0000'1234, u64 hpfar = 0x4'0123'40) {
        cpu.registers[SysReg::ESR_EL2] = esr;
        cpu.registers[SysReg::FAR_EL2] = far;
        cpu.registers[SysReg::HPFAR_EL2] = hpfar;
        return capture_exit(cpu, context);
    }
    bool translated() const {
        for (const Event& e : cpu.log)
            if (e.kind == Event::kAt)
                return true;
        return false;
    }
};

TEST_F(CaptureExit, TranslationFaultTakesHpfar) {
    EXPECT_TRUE(capture(esr_of(arch::Ec::kDataAbortLower, 0x07)));
    EXPECT_FALSE(translated());
    EXPECT_EQ(fault_ipa(context).raw, 0x4'0123'40ull << 8 | 0x234);
}

// A guest between its own AT and its read of PAR_EL1 takes this fault, and goes on to read its own answer.
TEST_F(CaptureExit, PermissionFaultAsksTheGuestsStageOne) {
    cpu.registers[SysReg::PAR_EL1] = 0x9999'0000;
    u64 asked = 0;
    cpu.translation = [&](u64 va, u64& par) {
        asked = va;
        par = 0x4567'8000;
        return true;
    };
    EXPECT_TRUE(capture(esr_of(arch::Ec::kDataAbortLower, 0x0f), 0xffff'8000'0000'1234, 0));
    EXPECT_EQ(asked, 0xffff'8000'0000'1234u);
    EXPECT_EQ(fault_ipa(context).raw, 0x4567'8234u);
    EXPECT_EQ(cpu.registers[SysReg::PAR_EL1], 0x9999'0000u) << "the guest's PAR_EL1 is put back";
    size_t at = 0;
    while (cpu.log[at].kind != Event::kAt)
        ASSERT_LT(++at, cpu.log.size());
    EXPECT_EQ(cpu.log[at + 1], Event{Event::kIsb}) << "or PAR_EL1 is that of before";
}

TEST_F(CaptureExit, PermissionFaultOfAWalkIsInHpfar) {
    EXPECT_TRUE(capture(esr_of(arch::Ec::kDataAbortLower, 1 << 7 | 0x0f)));
    EXPECT_FALSE(translated());
}

TEST_F(CaptureExit, ATranslationThatVanishedIsRetried) {
    cpu.registers[SysReg::PAR_EL1] = 0x9999'0000;
    cpu.translation = [](u64, u64& par) {
        par = arch::PAR_EL1::F::kMask;
        return true;
    };
    EXPECT_FALSE(capture(esr_of(arch::Ec::kInstrAbortLower, 0x0f)));
    EXPECT_EQ(cpu.registers[SysReg::PAR_EL1], 0x9999'0000u);
}

// The guest's tables lie in bad memory: the host lives, and PAR_EL1, which says nothing then, is not believed.
TEST_F(CaptureExit, AWalkThatAbortsIsRetried) {
    cpu.registers[SysReg::PAR_EL1] = 0x9999'0000;
    cpu.translation = [](u64, u64& par) {
        par = 0x4567'8000;
        return false;
    };
    EXPECT_FALSE(capture(esr_of(arch::Ec::kDataAbortLower, 0x0f)));
    EXPECT_EQ(cpu.registers[SysReg::PAR_EL1], 0x9999'0000u);
}

TEST_F(CaptureExit, OthersCostOneRead) {
    cpu.log_reads = true;
    EXPECT_TRUE(capture(esr_of(arch::Ec::kHvc64, 0)));
    EXPECT_EQ(cpu.log.size(), 1u);
}

}  // namespace
}  // namespace nest::vhe
