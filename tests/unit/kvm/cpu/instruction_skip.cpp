// SPDX-License-Identifier: GPL-2.0-only
#include <arch/syndrome.hpp>
#include <bit>
#include <kvm/cpu/instruction_skip.hpp>
#include <tests/unit/kvm/cpu/fixture.hpp>

namespace nest::test {
namespace {

using arch::Ec;
constexpr u64 kThumb = 0x20, kUser = 0x10, kIl = u64{1} << 25;

// The manual's ConditionHolds(), written as there, by name.
bool manual(unsigned cond, bool n, bool z, bool c, bool v) {
    switch (cond) {
    case 0x0: return z;              // EQ
    case 0x1: return !z;             // NE
    case 0x2: return c;              // CS
    case 0x3: return !c;             // CC
    case 0x4: return n;              // MI
    case 0x5: return !n;             // PL
    case 0x6: return v;              // VS
    case 0x7: return !v;             // VC
    case 0x8: return c && !z;        // HI
    case 0x9: return !c || z;        // LS
    case 0xa: return n == v;         // GE
    case 0xb: return n != v;         // LT
    case 0xc: return !z && n == v;   // GT
    case 0xd: return z || n != v;    // LE
    default: return true;            // AL, and 0xf, which encodes unconditional instructions
    }
}

TEST(Condition, BruteForce) {
    Machine m;
    for (unsigned cond = 0; cond < 16; cond++)
        for (unsigned nzcv = 0; nzcv < 16; nzcv++) {
            bool expected = manual(cond, nzcv & 8, nzcv & 4, nzcv & 2, nzcv & 1);
            EXPECT_EQ(condition_holds(cond, nzcv), expected) << cond << " " << nzcv;
            m->context.pstate = u64{nzcv} << 28 | kUser;
            m->context.esr = u64{0x03} << 26 | u64{1} << 24 | u64{cond} << 20;
            EXPECT_EQ(trapped_instruction_executes(*m), expected);
            // Thumb: no condition in the syndrome, IT state instead.
            m->context.esr = u64{0x03} << 26;
            m->context.pstate |= kThumb | u64{cond} << 12 | u64{1} << 11;
            EXPECT_EQ(trapped_instruction_executes(*m), expected);
        }
}

TEST(Condition, OnlyWhereThereCanBeOne) {
    Machine m;
    m->context.pstate = kUser;  // Z clear: EQ fails
    u64 eq = u64{1} << 24;
    for (unsigned ec = 0; ec < 64; ec++) {
        m->context.esr = u64{ec} << 26 | eq;
        bool conditional = ec == 0x01 || (ec >= 0x03 && ec <= 0x08) || ec == 0x0c || ec == 0x11 || ec == 0x13;
        EXPECT_EQ(trapped_instruction_executes(*m), !conditional) << ec;
    }
    m->context.pstate = 0;  // AArch64
    m->context.esr = u64{0x01} << 26 | eq;
    EXPECT_TRUE(trapped_instruction_executes(*m));
    m->context.pstate = kUser | kThumb;  // no IT block, no condition
    m->context.esr = u64{0x03} << 26;
    EXPECT_TRUE(trapped_instruction_executes(*m));
}

TEST(Skip, Aarch64) {
    Machine m;
    m->context.pc = 0xffff'ffff'ffff'fffc;
    m->context.pstate = u64{1} << 21 | u64{3} << 10 | u64{1} << 31 | 5;
    skip_instruction(*m);
    EXPECT_EQ(m->context.pc, 0u);
    EXPECT_EQ(m->context.pstate, u64{1} << 31 | 5);
}

TEST(Skip, Aarch32Lengths) {
    struct {
        u64 pstate, il, pc, expected;
    } const cases[] = {
        {kUser, 0, 0x1000, 0x1004},  // A32 is always 4 bytes
        {kUser, kIl, 0x1000, 0x1004},
        {kUser | kThumb, 0, 0x1000, 0x1002},
        {kUser | kThumb, kIl, 0x1000, 0x1004},
        {kUser | kThumb, kIl, 0xffff'fffe, 2},  // wraps at 32 bits
    };
    for (const auto& c : cases) {
        Machine m;
        m->context.pstate = c.pstate | u64{1} << 21;
        m->context.esr = c.il;
        m->context.pc = c.pc;
        skip_instruction(*m);
        EXPECT_EQ(m->context.pc, c.expected);
        EXPECT_EQ(m->context.pstate, c.pstate);
    }
}

// IT blocks of every length: n instructions after the first, the block is over, and the conditions on the way are the
// base condition with each mask bit as its lowest.
TEST(Skip, ItState) {
    for (unsigned base = 0; base < 15; base++)
        for (unsigned mask = 1; mask < 16; mask++) {
            unsigned length = 4 - static_cast<unsigned>(std::countr_zero(mask));
            Machine m;
            unsigned it = base << 4 | mask;
            m->context.pstate = kUser | kThumb | u64{it >> 2} << 10 | u64{it & 3} << 25;
            m->context.esr = 0;
            for (unsigned i = 0; i < length; i++) {
                u64 p = m->context.pstate;
                unsigned now = static_cast<unsigned>((p >> 10 & 0x3f) << 2 | (p >> 25 & 3));
                ASSERT_NE(now & 0xf, 0u) << "block ended early";
                EXPECT_EQ(now >> 5, base >> 1);
                if (i > 0) {
                    EXPECT_EQ(now >> 4 & 1, mask >> (4 - i) & 1);
                }
                skip_instruction(*m);
            }
            EXPECT_EQ(m->context.pstate, kUser | kThumb);
        }
}

}  // namespace
}  // namespace nest::test
