// SPDX-License-Identifier: GPL-2.0-only
// ERET, ERETAA, ERETAB of virtual EL2.
#include <nested/cpu/eret.hpp>
#include <tests/unit/nested/vel2/fixture.hpp>

namespace nest::nested {
namespace {

using P = arch::SPSR_EL2;
using H = arch::HCR_EL2;
using S = arch::SCTLR_EL1;

constexpr u64 kEret = u64{0x1a} << 26 | 1 << 25;
constexpr u64 kEretAA = kEret | 2;
constexpr u64 kEretAB = kEret | 3;
constexpr u64 kTcr48 = u64{16} << 16 | 16;

// A code that depends on all that PACGA gets.
u64 toy_pac(u64 address, u64 modifier, const u64 (&key)[2]) {
    u64 x = address * 0x9e37'79b9'7f4a'7c15 ^ modifier * 0xc2b2'ae3d'27d4'eb4f ^ key[0] ^ key[1] << 1;
    return (x ^ x >> 29) & 0xffff'ffff'0000'0000;
}

struct EretTest : Vel2Test {
    u64 modifier_seen = 0;

    explicit EretTest(Features f = every_feature()) : Vel2Test(f) {
        at(arch::kModeEL2h);
        load_world(cpu, v, sources());
        cpu.registers[SysReg::TCR_EL12] = kTcr48;
        cpu.log.clear();
        cpu.authentication_code = [this](u64 address, u64 modifier, const u64(&key)[2]) {
            modifier_seen = modifier;
            return toy_pac(address, modifier, key);
        };
    }
    Returned eret(u64 spsr, u64 elr = 0x1000, u64 esr = kEret) {
        cpu.registers[SysReg::SPSR_EL12] = spsr;
        cpu.registers[SysReg::ELR_EL12] = elr;
        return emulate_eret(cpu, v, esr);
    }
    u64 sign(u64 address, u64 modifier, u64 low, u64 high, u64 tcr = kTcr48) {
        const PacLayout l = pac_layout(tcr, address >> 55 & 1);
        const u64 key[2] = {low, high};
        return (address & ~l.mask) | (toy_pac(canonical_address(address, l.mask), modifier, key) & l.mask);
    }
};

TEST_F(EretTest, ToItselfWritesNothing) {
    EXPECT_EQ(eret(arch::kModeEL2h | P::I::kMask | P::C::kMask, 0xffff'8000'0000'1000), Returned::kVel2);
    EXPECT_EQ(context.pc, 0xffff'8000'0000'1000u);
    EXPECT_EQ(context.pstate, arch::kModeEL1h | P::I::kMask | P::C::kMask);
    EXPECT_EQ(eret(arch::kModeEL2t), Returned::kVel2);
    EXPECT_EQ(context.pstate, arch::kModeEL1t);
    EXPECT_TRUE(cpu.log.empty()) << "no register changes in a return that switches nothing";
}

// SPSR_EL2 is L1's to write, with bits of features that the VM has not: none of them becomes PSTATE of hardware.
TEST_F(EretTest, UnknownBitsOfSpsrDoNotReachL2) {
    constexpr u64 kAllint = u64{1} << 13, kPm = u64{1} << 32;
    config.features.mte = false;
    EXPECT_EQ(eret(arch::kModeEL1h | P::N::kMask | kAllint | P::TCO::kMask | kPm), Returned::kL2);
    EXPECT_EQ(context.pstate, arch::kModeEL1h | P::N::kMask);
    EXPECT_EQ(eret(arch::kModeEL2h | kAllint | P::TCO::kMask | kPm), Returned::kVel2);
    EXPECT_EQ(context.pstate, arch::kModeEL1h);
    config.features.mte = true;
    EXPECT_EQ(eret(arch::kModeEL1h | P::TCO::kMask), Returned::kL2);
    EXPECT_EQ(context.pstate, arch::kModeEL1h | P::TCO::kMask);
}

TEST_F(EretTest, ToItsUserSpaceReadsTwoRegisters) {
    add_hcr(H::TGE::kMask);
    cpu.log_reads = true;
    EXPECT_EQ(eret(arch::kModeEL0t), Returned::kVel2);
    EXPECT_EQ(context.pstate, arch::kModeEL0t);
    EXPECT_EQ(cpu.log.size(), 2u);
    EXPECT_TRUE(v.in_vel2());
}

TEST_F(EretTest, BelowWithoutTgeIsL2) {
    for (u64 mode : {arch::kModeEL1h, arch::kModeEL1t, arch::kModeEL0t}) {
        EXPECT_EQ(eret(mode), Returned::kL2) << mode;
        EXPECT_EQ(context.pstate, mode);
        at(arch::kModeEL2h);
    }
}

TEST_F(EretTest, IllegalReturnsStay) {
    add_hcr(H::TGE::kMask);
    for (u64 mode : {arch::kModeEL1h, u64{0xd}, u64{0x2}, u64{0x1}, u64{0x10}, u64{0x13}}) {
        at(arch::kModeEL2t);
        EXPECT_EQ(eret(mode | P::V::kMask, 0x2000), Returned::kVel2) << mode;
        EXPECT_EQ(context.pstate, arch::kModeEL1t | P::V::kMask | P::IL::kMask) << mode;
        EXPECT_EQ(context.pc, 0x2000u) << "the branch is taken, the next instruction is the exception";
    }
}

TEST_F(EretTest, StepIsArmedByTheRule) {
    l1(SysReg::MDSCR_EL1, 1);
    EXPECT_EQ(eret(arch::kModeEL0t | P::SS::kMask), Returned::kL2);
    EXPECT_TRUE(context.pstate & P::SS::kMask);
    at(arch::kModeEL2h);
    l1(SysReg::MDSCR_EL1, 0);
    eret(arch::kModeEL0t | P::SS::kMask);
    EXPECT_FALSE(context.pstate & P::SS::kMask);
}

TEST_F(EretTest, AuthenticatesWithTheRightKeyAndModifier) {
    cpu.registers[SysReg::SCTLR_EL12] = S::EnIA::kMask | S::EnIB::kMask;
    cpu.registers[SysReg::SP_EL1] = 0xffff'0000'0000'9000;
    context.sp_el0 = 0x7000;
    context.keys.ia[0] = 11;
    context.keys.ia[1] = 12;
    cpu.registers[SysReg::APIBKeyLo_EL1] = 21;
    cpu.registers[SysReg::APIBKeyHi_EL1] = 22;
    const u64 target = 0xffff'8000'1234'5678;
    EXPECT_EQ(eret(arch::kModeEL2h, sign(target, 0xffff'0000'0000'9000, 11, 12), kEretAA), Returned::kVel2);
    EXPECT_EQ(context.pc, target);
    at(arch::kModeEL2h);
    EXPECT_EQ(eret(arch::kModeEL2h, sign(target, 0xffff'0000'0000'9000, 21, 22), kEretAB), Returned::kVel2);
    EXPECT_EQ(context.pc, target);
    // With SP_EL0 selected, that is the modifier.
    at(arch::kModeEL2t);
    EXPECT_EQ(eret(arch::kModeEL2h, sign(0x1234, 0x7000, 11, 12), kEretAA), Returned::kVel2);
    EXPECT_EQ(context.pc, 0x1234u);
    EXPECT_EQ(modifier_seen, 0x7000u);
}

TEST_F(EretTest, ForgedAddressFaults) {
    cpu.registers[SysReg::SCTLR_EL12] = S::EnIB::kMask;
    config.features.pac = Pac::kFaultCombined;
    const u64 before = context.pstate;
    context.pc = 0x4000;
    EXPECT_EQ(eret(arch::kModeEL2h, 0xffff'8000'0000'1234, kEretAB), Returned::kFpac);
    EXPECT_EQ(context.pc, 0x4000u);
    EXPECT_EQ(context.pstate, before);
    EXPECT_EQ(fpac_exception(kEretAB).esr, u64{0x1c} << 26 | 1 << 25 | 3);
}

TEST_F(EretTest, WithoutFpacTheAddressIsSpoilt) {
    cpu.registers[SysReg::SCTLR_EL12] = S::EnIA::kMask;
    for (Pac p : {Pac::kPoison, Pac::kXor, Pac::kFault}) {
        config.features.pac = p;
        at(arch::kModeEL2h);
        EXPECT_EQ(eret(arch::kModeEL2h, 0xffff'8000'0000'1234, kEretAA), Returned::kVel2) << static_cast<int>(p);
        EXPECT_NE(context.pc, 0xffff'8000'0000'1234u);
        const u64 top = context.pc >> 48;
        EXPECT_TRUE(top != 0xffff && top != 0) << "not canonical: the fetch faults";
    }
}

TEST_F(EretTest, DisabledKeyMeansPlainEret) {
    EXPECT_EQ(eret(arch::kModeEL2h, 0xabcd'8000'0000'1234, kEretAA), Returned::kVel2);
    EXPECT_EQ(context.pc, 0xabcd'8000'0000'1234u);
}

TEST(PointerAuth, Layout) {
    EXPECT_EQ(pac_layout(kTcr48, false).mask, 0xff7f'0000'0000'0000u);
    EXPECT_EQ(pac_layout(u64{25} << 16 | 16, true).mask, 0xff7f'ff80'0000'0000u);
    const u64 tbi = u64{1} << 37;
    EXPECT_EQ(pac_layout(kTcr48 | tbi, false).mask, 0x007f'0000'0000'0000u);
    EXPECT_EQ(pac_layout(kTcr48 | tbi, true).mask, 0xff7f'0000'0000'0000u);
    EXPECT_EQ(pac_layout(kTcr48 | tbi | u64{1} << 51, false).mask, 0xff7f'0000'0000'0000u) << "TBID: data only";
    EXPECT_EQ(pac_layout(0, false).mask, pac_layout(16, false).mask) << "T0SZ has bounds";
}

TEST(PointerAuth, PoisonSaysWhichKey) {
    const PacLayout l = pac_layout(kTcr48, false);
    EXPECT_EQ(check_pac(0x0055'0000'0000'1000, 0, l, Pac::kPoison, false).address, 0x2000'0000'0000'1000u);
    EXPECT_EQ(check_pac(0x0055'0000'0000'1000, 0, l, Pac::kPoison, true).address, 0x4000'0000'0000'1000u);
    EXPECT_EQ(check_pac(0x0055'0000'0000'1000, 0x0011'0000'0000'0000, l, Pac::kXor, true).address, 0x0044'0000'0000'1000u)
        << "FEAT_PAuth2 leaves the difference";
    const PacLayout top = pac_layout(kTcr48 | u64{1} << 37, false);
    EXPECT_EQ(check_pac(0x0055'0000'0000'1000, 0, top, Pac::kPoison, false).address, 0x0020'0000'0000'1000u);
}

struct NoPauth : EretTest {
    static Features without() {
        Features f = every_feature();
        return f.set(Feature::kPauth, false);
    }
    NoPauth() : EretTest(without()) {}
};
TEST_F(NoPauth, EretAxIsUndefined) {
    EXPECT_EQ(eret(arch::kModeEL2h, 0x1000, kEretAA), Returned::kUndefined);
    EXPECT_EQ(eret(arch::kModeEL2h), Returned::kVel2);
}

}  // namespace
}  // namespace nest::nested
