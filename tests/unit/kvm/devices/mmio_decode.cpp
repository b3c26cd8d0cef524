// SPDX-License-Identifier: GPL-2.0-only
#include <gtest/gtest.h>
#include <kvm/devices/mmio.hpp>
#include <tests/unit/kvm/devices/cpu_fixture.hpp>
#include <vhe/exit.hpp>

namespace nest::test {
namespace {

using arch::AbortIss;
using arch::Ipa;
using kvm::MmioAccess;
using S = arch::SCTLR_EL1;

AbortIss iss(unsigned log2_bytes, unsigned gpr, bool write, bool sign_extend = false, bool sixty_four = false) {
    return AbortIss{}
        .with<AbortIss::ISV>(1)
        .with<AbortIss::SAS>(log2_bytes)
        .with<AbortIss::SRT>(gpr)
        .with<AbortIss::WnR>(write)
        .with<AbortIss::SSE>(sign_extend)
        .with<AbortIss::SF>(sixty_four);
}

struct Load {
    const char* name;
    u8 bytes;
    bool sign_extend, sixty_four;
    u64 bus, little, big;
};
// `bus`: the bytes of the data buffer as a little-endian number; its upper bytes must not matter.
const Load kLoads[] = {
    {"LDRB W",  1, false, false, 0xfedc'ba98'7654'32ff, 0xff,                  0xff},
    {"LDRSB W", 1, true,  false, 0xfedc'ba98'7654'3280, 0xffff'ff80,           0xffff'ff80},
    {"LDRSB X", 1, true,  true,  0xfedc'ba98'7654'3280, 0xffff'ffff'ffff'ff80, 0xffff'ffff'ffff'ff80},
    {"LDRSB+X", 1, true,  true,  0xfedc'ba98'7654'327f, 0x7f,                  0x7f},
    {"LDRH W",  2, false, false, 0xfedc'ba98'7654'80ff, 0x80ff,                0xff80},
    {"LDRSH W", 2, true,  false, 0xfedc'ba98'7654'8001, 0xffff'8001,           0x0180},
    {"LDRSH X", 2, true,  true,  0xfedc'ba98'7654'8001, 0xffff'ffff'ffff'8001, 0x0180},
    {"LDRSH.X", 2, true,  true,  0xfedc'ba98'7654'0180, 0x0180,                0xffff'ffff'ffff'8001},
    {"LDR W",   4, false, false, 0xfedc'ba98'8000'0001, 0x8000'0001,           0x0100'0080},
    {"LDRSW X", 4, true,  true,  0xfedc'ba98'8000'0001, 0xffff'ffff'8000'0001, 0x0100'0080},
    {"LDRSW.X", 4, true,  true,  0xfedc'ba98'0100'0080, 0x0100'0080,           0xffff'ffff'8000'0001},
    {"LDR X",   8, false, true,  0xfedc'ba98'7654'3210, 0xfedc'ba98'7654'3210, 0x1032'5476'98ba'dcfe},
    {"LDR SXX", 8, true,  true,  0x8000'0000'0000'0000, 0x8000'0000'0000'0000, 0x80},
};

TEST(MmioDecode, LoadsOfEveryWidthSignAndByteOrder) {
    for (const Load& load : kLoads) {
        MmioAccess access;
        access.bytes = load.bytes;
        access.sign_extend = load.sign_extend;
        access.sixty_four = load.sixty_four;
        EXPECT_EQ(kvm::loaded_value(access, load.bus), load.little) << load.name;
        access.big_endian = true;
        EXPECT_EQ(kvm::loaded_value(access, load.bus), load.big) << load.name;
    }
}

TEST(MmioDecode, StoresOfEveryWidthAndByteOrder) {
    TestCpu cpu;
    cpu.state.context.pstate = arch::kModeEL1h;
    cpu.state.context.x[5] = 0x1122'3344'5566'7788;
    const u64 little[] = {0x88, 0x7788, 0x5566'7788, 0x1122'3344'5566'7788};
    const u64 big[] = {0x88, 0x8877, 0x8877'6655, 0x8877'6655'4433'2211};
    for (unsigned size = 0; size < 4; size++) {
        MmioAccess access = kvm::decode_mmio(iss(size, 5, true), Ipa(0x9000), cpu.state, 0);
        EXPECT_TRUE(access.write);
        EXPECT_EQ(access.bytes, 1u << size);
        EXPECT_EQ(access.ipa.raw, 0x9000u);
        EXPECT_EQ(access.value, little[size]);
        EXPECT_EQ(kvm::decode_mmio(iss(size, 5, true), Ipa(0x9000), cpu.state, S::EE::kMask).value, big[size]);
        EXPECT_EQ(kvm::decode_mmio(iss(size, 31, true), Ipa(0x9000), cpu.state, 0).value, 0u) << "XZR";
    }
}

TEST(MmioDecode, FieldsOfALoad) {
    TestCpu cpu;
    for (bool sign : {false, true})
        for (bool wide : {false, true}) {
            MmioAccess access = kvm::decode_mmio(iss(1, 30, false, sign, wide), Ipa(0x1234), cpu.state, 0);
            EXPECT_FALSE(access.write);
            EXPECT_EQ(access.bytes, 2);
            EXPECT_EQ(access.gpr, 30);
            EXPECT_EQ(access.sign_extend, sign);
            EXPECT_EQ(access.sixty_four, wide);
        }
}

TEST(MmioDecode, ByteOrderFollowsTheExceptionLevel) {
    TestCpu cpu;
    u64& pstate = cpu.state.context.pstate;
    constexpr u64 kE = 1 << 9;
    for (u64 d : {u64{0}, kE}) {  // PSTATE.D in AArch64 lies where AArch32 has E
        pstate = arch::kModeEL0t | d;
        EXPECT_TRUE(kvm::data_big_endian(cpu.state, S::E0E::kMask));
        EXPECT_FALSE(kvm::data_big_endian(cpu.state, S::EE::kMask));
        pstate = arch::kModeEL1h | d;
        EXPECT_FALSE(kvm::data_big_endian(cpu.state, S::E0E::kMask));
        EXPECT_TRUE(kvm::data_big_endian(cpu.state, S::EE::kMask));
    }
    pstate = arch::kModeAArch32User;
    EXPECT_FALSE(kvm::data_big_endian(cpu.state, ~u64{0}));
    pstate |= kE;
    EXPECT_TRUE(kvm::data_big_endian(cpu.state, 0));
}

TEST(MmioDecode, TheFaultAddressHasItsOffsetFromFar) {
    EXPECT_EQ(vhe::fault_ipa(0x9000 >> 8, 0xffff'8000'1234'5678).raw, 0x9678u);
    EXPECT_EQ(vhe::fault_ipa(0xf'ffff'ffff'f000 >> 8, 0xfff).raw, 0xf'ffff'ffff'ffffu);
    EXPECT_EQ(vhe::fault_ipa(u64{1} << 63 | 0x10, 0).raw, 0x1000u) << "NS is no address bit";
}

}  // namespace
}  // namespace nest::test
