// SPDX-License-Identifier: GPL-2.0-only
#include <tests/unit/kvm/cpu/fixture.hpp>

namespace nest::test {
namespace {

using arch::encoding_of;

struct Expected {
    SysReg reg;
    u64 value;
};

// By hand from the profile and the manual's field positions; not from id_registers.def.
TEST(IdRegisters, EverythingWeDoNotSwitchIsHiddenOnARichHost) {
    Machine m;
    const Expected expected[] = {
        {SysReg::ID_AA64PFR0_EL1, 0x1101'0000'2111'0112},
        {SysReg::ID_AA64PFR1_EL1, 0x0000'0000'0000'0021},  // RAS_frac goes with RAS 2
        {SysReg::ID_AA64PFR2_EL1, 0},
        {SysReg::ID_AA64ZFR0_EL1, 0},
        {SysReg::ID_AA64SMFR0_EL1, 0},
        {SysReg::ID_AA64DFR0_EL1, 0x0000'0010'2030'500a},
        {SysReg::ID_AA64ISAR0_EL1, 0x1221'1111'1022'1120},
        {SysReg::ID_AA64ISAR1_EL1, 0x0111'1211'0010'1001},  // neither LS64 nor pointer authentication
        {SysReg::ID_AA64ISAR2_EL1, 0x1101'0000'1011'0012},
        {SysReg::ID_AA64ISAR3_EL1, 0x1001'0010},
        {SysReg::ID_AA64MMFR0_EL1, 0x2000'1222'1010'1125},
        {SysReg::ID_AA64MMFR1_EL1, 0x1010'1111'1131'2022},
        {SysReg::ID_AA64MMFR2_EL1, 0x1221'0111'1001'1011},
        {SysReg::ID_AA64MMFR3_EL1, 0},
        {SysReg::ID_AA64MMFR4_EL1, 0},
        {SysReg::ID_PFR0_EL1, 0x2101'0131},
        {SysReg::ID_DFR0_EL1, 0x0001'000a},
        {SysReg::ID_MMFR4_EL1, 0x1011'1111 & 0xf0ff'ffff},
        {SysReg::CTR_EL0, 0x9444'c004},
        {SysReg::MIDR_EL1, 0x000f'0510},
        {SysReg::REVIDR_EL1, 0x77},
        {SysReg::AIDR_EL1, 0x99},
    };
    for (const Expected& e : expected)
        EXPECT_EQ(m.ids.read(encoding_of(e.reg)), e.value) << arch::name_of(e.reg);
}

TEST(IdRegisters, PointerAuthenticationShowsWithItsFeatures) {
    Machine m(max_profile(), kPointerAuthFeatures);
    EXPECT_EQ(m.ids.read(encoding_of(SysReg::ID_AA64ISAR1_EL1)), 0x0111'1211'0110'1051u);
    EXPECT_EQ(m.ids.read(encoding_of(SysReg::ID_AA64ISAR2_EL1)), 0x1101'0000'1011'0512u);
}

TEST(IdRegisters, AServerCore) {
    Machine m(neoverse_profile());
    EXPECT_FALSE(m.ids.aarch64_only());
    EXPECT_EQ(m.ids.read(encoding_of(SysReg::ID_AA64PFR0_EL1)), 0x1101'0000'1111'1112u);
    EXPECT_EQ(m.ids.read(encoding_of(SysReg::ID_AA64PFR1_EL1)), 0x1020u) << "RAS_frac counts beside RAS 1";
    EXPECT_EQ(m.ids.read(encoding_of(SysReg::ID_AA64DFR0_EL1)), 0x0000'00f0'10f0'5009u);
    EXPECT_EQ(m.ids.read(encoding_of(SysReg::ID_AA64MMFR0_EL1)) & 0xf, 5u);
}

TEST(IdRegisters, WithoutAarch32ItsRegistersAreZero) {
    Machine m(plain_profile());
    EXPECT_TRUE(m.ids.aarch64_only());
    for (u8 crm = 1; crm < 4; crm++)
        for (u8 op2 = 0; op2 < 8; op2++) {
            Encoding e = arch::encode(3, 0, 0, crm, op2);
            EXPECT_EQ(m.ids.read(e), 0u);
            EXPECT_EQ(m.ids.writable_mask(e), 0u);
            bool known = m.ids.is_aarch32_id(e);
            EXPECT_EQ(error_of(m.ids.write(e, 0x1bad'c0de)), known ? Errno{} : Errno::kInval) << crm << " " << op2;
            EXPECT_EQ(m.ids.read(e), 0u);
        }
}

TEST(IdRegisters, NoFieldEverShowsMoreThanTheHost) {
    for (const Profile& profile : {max_profile(), neoverse_profile(), plain_profile()}) {
        Machine m(profile, kPointerAuthFeatures);
        for (unsigned slot = 8; slot < 64; slot++) {
            Encoding e = arch::encode(3, 0, 0, slot >> 3, slot & 7);
            u64 host = port().feature_registers[e.raw], guest = m.ids.read(e);
            for (unsigned low = 0; low < 64; low += 4)
                EXPECT_LE(guest >> low & 0xf, host >> low & 0xf) << slot << " bit " << low;
        }
    }
}

TEST(IdRegisters, HoldsExactlyItsSpace) {
    unsigned held = 0;
    for (u32 raw = 0; raw < 0x10000; raw++)
        held += IdRegisters::holds({static_cast<u16>(raw)});
    EXPECT_EQ(held, 56u + 2 + 2);
    EXPECT_FALSE(IdRegisters::holds(encoding_of(SysReg::MPIDR_EL1)));
    EXPECT_TRUE(IdRegisters::holds(encoding_of(SysReg::CTR_EL0)));
}

TEST(IdRegisters, TheFirstVcpuFixesTheFeatures) {
    Machine m(max_profile(), kPointerAuthFeatures);
    EXPECT_OK(m.ids.configure(kPointerAuthFeatures));
    EXPECT_ERRNO(m.ids.configure(0), kInval);
    EXPECT_EQ(m.ids.features(), kPointerAuthFeatures);
}

TEST(IdRegisters, FreezingDecidesOnTheGic) {
    auto gic = [](IdRegisters& ids) { return ids.get<arch::ID_AA64PFR0_EL1>().get<arch::ID_AA64PFR0_EL1::GIC>(); };
    Machine with, without;
    EXPECT_EQ(gic(with.ids), 1u);
    with.ids.freeze(true);
    EXPECT_EQ(gic(with.ids), 1u);
    without.ids.freeze(false);
    EXPECT_EQ(gic(without.ids), 0u);
    EXPECT_EQ(without.ids.read(encoding_of(SysReg::ID_PFR1_EL1)) >> 28, 0u);
    EXPECT_TRUE(without.ids.frozen());
    without.ids.freeze(true);  // too late
    EXPECT_EQ(gic(without.ids), 0u);
}

}  // namespace
}  // namespace nest::test
