// SPDX-License-Identifier: GPL-2.0-only
#include <arch/syndrome.hpp>
#include <kvm/cpu/memory_copy.hpp>
#include <tests/unit/kvm/cpu/fixture.hpp>

namespace nest::test {
namespace {

using arch::MopsIss;

constexpr u64 kN = u64{1} << 31, kSs = u64{1} << 21;
constexpr unsigned kTo = 4, kFrom = 5, kSize = 6;

struct MopsTest : testing::Test {
    Machine m;
    // Registers of what is left, as they are after a prologue, in format `option_a` on a CPU of option `cpu_is_a`.
    void restart(bool set, bool option_a, bool cpu_is_a, u64 to, u64 from, u64 size, u64 pstate = 0, bool epilogue = false) {
        m->context.x[kTo] = to;
        m->context.x[kFrom] = from;
        m->context.x[kSize] = size;
        m->context.pc = 0x1008;
        m->context.pstate = pstate | kSs | 5;
        m->context.esr = u64{0x27} << 26 | 1u << 25 |
                         MopsIss{}.with<MopsIss::MemInst>(set).with<MopsIss::FromEpilogue>(epilogue).with<MopsIss::OptionA>(cpu_is_a)
                             .with<MopsIss::WrongOption>(cpu_is_a != option_a).with<MopsIss::Destreg>(kTo)
                             .with<MopsIss::Srcreg>(kFrom).with<MopsIss::Sizereg>(kSize).raw;
        restart_at_prologue(*m);
    }
    void expect(u64 to, u64 from, u64 size) {
        EXPECT_EQ(m->context.x[kTo], to);
        EXPECT_EQ(m->context.x[kFrom], from);
        EXPECT_EQ(m->context.x[kSize], size);
    }
};

TEST_F(MopsTest, EachFormatBecomesWhatThePrologueTakes) {
    for (const bool cpu_is_a : {false, true}) {
        SCOPED_TRACE(cpu_is_a);
        restart(false, true, cpu_is_a, 0x2080, 0x3080, -u64{0x60});
        expect(0x2020, 0x3020, 0x60);
        restart(false, true, cpu_is_a, 0x2000, 0x3000, 0x60);  // backwards
        expect(0x2000, 0x3000, 0x60);
        restart(false, false, cpu_is_a, 0x2020, 0x3020, 0x60);
        expect(0x2020, 0x3020, 0x60);
        restart(false, false, cpu_is_a, 0x2060, 0x3060, 0x60, kN);  // backwards
        expect(0x2000, 0x3000, 0x60);
        restart(true, true, cpu_is_a, 0x2080, 0xab, -u64{0x60});
        expect(0x2020, 0xab, 0x60);
        restart(true, false, cpu_is_a, 0x2020, 0xab, 0x60, kN);  // a set has one direction, and the flag means nothing
        expect(0x2020, 0xab, 0x60);
    }
}

TEST_F(MopsTest, PcIsThePrologues) {
    restart(false, true, true, 0, 0, 0);
    EXPECT_EQ(m->context.pc, 0x1004u) << "from the main instruction";
    EXPECT_EQ(m->context.pstate, 5u) << "a step ends before the prologue";
    restart(false, true, true, 0, 0, 0, 0, true);
    EXPECT_EQ(m->context.pc, 0x1000u) << "from the epilogue";
}

TEST_F(MopsTest, TheZeroRegisterIsNone) {
    m->context.esr = u64{0x27} << 26 | MopsIss{}.with<MopsIss::MemInst>(1).with<MopsIss::OptionA>(1).with<MopsIss::Destreg>(kTo)
                         .with<MopsIss::Srcreg>(31).with<MopsIss::Sizereg>(kSize).raw;
    m->context.x[kTo] = 0x2080;
    m->context.x[kSize] = -u64{0x80};
    restart_at_prologue(*m);
    EXPECT_EQ(m->context.x[kTo], 0x2000u);
    EXPECT_EQ(m->context.x[kSize], 0x80u);
}

}  // namespace
}  // namespace nest::test
