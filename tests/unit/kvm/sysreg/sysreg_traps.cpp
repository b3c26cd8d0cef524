// SPDX-License-Identifier: GPL-2.0-only
#include <arch/syndrome.hpp>
#include <kvm/cpu/inject.hpp>
#include <kvm/sysreg/sysreg_traps.hpp>
#include <set>
#include <tests/unit/kvm/cpu/fixture.hpp>

namespace nest::test {
namespace {

using arch::encode;
using arch::encoding_of;
using arch::SysRegIss;

SysRegIss access(Encoding e, bool read, unsigned rt = 7) {
    return SysRegIss{}.with<SysRegIss::Op0>(e.op0()).with<SysRegIss::Op1>(e.op1()).with<SysRegIss::CRn>(e.crn())
        .with<SysRegIss::CRm>(e.crm()).with<SysRegIss::Op2>(e.op2()).with<SysRegIss::Rt>(rt)
        .with<SysRegIss::Read>(read);
}

struct Result {
    Emulation what;
    u64 value;
};
Result read(Machine& m, Encoding e) {
    m->context.x[7] = 0xdead;
    Emulation what = emulate_sysreg(*m, access(e, true), m.hooks);
    return {what, m->context.x[7]};
}
Emulation write(Machine& m, Encoding e, u64 value) {
    m->context.x[7] = value;
    return emulate_sysreg(*m, access(e, false), m.hooks);
}
Result read(Machine& m, SysReg reg) { return read(m, encoding_of(reg)); }
Emulation write(Machine& m, SysReg reg, u64 value) { return write(m, encoding_of(reg), value); }

constexpr Emulation kDone = Emulation::kDone, kUndefined = Emulation::kUndefined, kIdTrap = Emulation::kIdTrap;

enum class Reads { kValue, kZero, kUndef, kHook };
enum class Writes { kStored, kIgnored, kUndef, kHook };
struct Row {
    Encoding e;
    Reads reads;
    Writes writes;
};
Row row(SysReg reg, Reads r, Writes w) { return {encoding_of(reg), r, w}; }

std::vector<Row> expected_rows() {
    using enum SysReg;
    std::vector<Row> rows;
    auto add = [&](std::initializer_list<SysReg> regs, Reads r, Writes w) {
        for (SysReg reg : regs)
            rows.push_back(row(reg, r, w));
    };
    add({SCTLR_EL1, TTBR0_EL1, TTBR1_EL1, TCR_EL1, AFSR0_EL1, AFSR1_EL1, ESR_EL1, FAR_EL1, MAIR_EL1, AMAIR_EL1,
         CONTEXTIDR_EL1, CPACR_EL1, VBAR_EL1, CSSELR_EL1, MDSCR_EL1, MDCCINT_EL1},
        Reads::kValue, Writes::kStored);
    add({ACTLR_EL1}, Reads::kValue, Writes::kIgnored);
    add({OSDTRRX_EL1, OSDTRTX_EL1, OSECCR_EL1, OSDLR_EL1, DBGPRCR_EL1, DBGCLAIMSET_EL1, DBGCLAIMCLR_EL1, DBGDTR_EL0,
         DBGDTRTX_EL0, ERRSELR_EL1, ERXCTLR_EL1, ERXSTATUS_EL1, ERXADDR_EL1, ERXMISC0_EL1, ERXMISC1_EL1, LORSA_EL1,
         LOREA_EL1, LORN_EL1, LORC_EL1},
        Reads::kZero, Writes::kIgnored);
    add({MDRAR_EL1, DBGAUTHSTATUS_EL1, MDCCSR_EL0, ERRIDR_EL1, ERXFR_EL1, LORID_EL1}, Reads::kZero, Writes::kUndef);
    add({ICC_SGI1R_EL1, ICC_ASGI1R_EL1, ICC_SGI0R_EL1}, Reads::kUndef, Writes::kHook);
    add({CNTPCT_EL0, CNTVCT_EL0, CNTPCTSS_EL0, CNTVCTSS_EL0, CNTP_TVAL_EL0, CNTP_CTL_EL0, CNTP_CVAL_EL0, CNTV_TVAL_EL0,
         CNTV_CTL_EL0, CNTV_CVAL_EL0, ICC_PMR_EL1, ICC_IAR0_EL1, ICC_EOIR0_EL1, ICC_HPPIR0_EL1, ICC_BPR0_EL1,
         ICC_AP0R0_EL1, ICC_AP0R1_EL1, ICC_AP0R2_EL1, ICC_AP0R3_EL1, ICC_AP1R0_EL1, ICC_AP1R1_EL1, ICC_AP1R2_EL1,
         ICC_AP1R3_EL1, ICC_DIR_EL1, ICC_RPR_EL1, ICC_IAR1_EL1, ICC_EOIR1_EL1, ICC_HPPIR1_EL1, ICC_BPR1_EL1,
         ICC_CTLR_EL1, ICC_SRE_EL1, ICC_IGRPEN0_EL1, ICC_IGRPEN1_EL1},
        Reads::kHook, Writes::kHook);
    add({PMCR_EL0, PMCNTENSET_EL0, PMCCNTR_EL0, PMUSERENR_EL0, PMINTENSET_EL1, PMMIR_EL1, PMSCR_EL1, AMCR_EL0,
         TPIDR2_EL0, ACCDATA_EL1, SMPRI_EL1, TRFCR_EL1, POR_EL0, PIR_EL1, TCR2_EL1, SCTLR2_EL1, ZCR_EL1, SVCR,
         SCXTNUM_EL0, HCR_EL2,
         SCTLR_EL2, SCTLR_EL12},
        Reads::kUndef, Writes::kUndef);
    for (u8 crm : {6, 10, 14})
        rows.push_back({encode(1, 0, 7, crm, 2), Reads::kUndef, Writes::kHook});
    for (u8 op2 : {4, 5, 6})
        rows.push_back({encode(3, 0, 5, 4, op2), Reads::kZero, Writes::kIgnored});  // ERXPFG*
    for (u8 crm = 0; crm < 16; crm++)
        for (u8 op2 = 4; op2 < 8; op2++)
            rows.push_back({encode(2, 0, 0, crm, op2), Reads::kValue, Writes::kStored});
    return rows;
}

TEST(SysregTraps, EveryRowReadAndWritten) {
    for (const Row& r : expected_rows()) {
        Machine m;
        SCOPED_TRACE(testing::Message() << std::hex << r.e.raw);
        u64 written = 0x5a5a'0000'1234'0002;
        Emulation w = write(m, r.e, written);
        EXPECT_EQ(w, r.writes == Writes::kUndef ? kUndefined : kDone);
        bool hooked = false;
        for (const auto& call : m.hooks.calls)
            hooked |= call.what == "timer" || call.what == "gic" || call.what == "sgi" || call.what == "set_way";
        EXPECT_EQ(hooked, r.writes == Writes::kHook);
        m.hooks.calls.clear();
        Result got = read(m, r.e);
        EXPECT_EQ(got.what, r.reads == Reads::kUndef ? kUndefined : kDone);
        switch (r.reads) {
        case Reads::kValue: EXPECT_EQ(got.value, r.writes == Writes::kStored ? written : 0); break;
        case Reads::kZero: EXPECT_EQ(got.value, 0u); break;
        case Reads::kUndef: EXPECT_EQ(got.value, 0xdead) << "the destination of an UNDEFINED read changed"; break;
        case Reads::kHook: EXPECT_EQ(got.value, m.hooks.read_value); break;
        }
        EXPECT_EQ(m.hooks.calls.size(), r.reads == Reads::kHook ? 1u : 0u);
    }
}

// All 65,536 encodings both ways: whatever is not named above or in the ID space is UNDEFINED and changes nothing.
TEST(SysregTraps, EverythingElseIsUndefined) {
    Machine m;
    std::set<u16> known;
    for (const Row& r : expected_rows())
        if (r.reads != Reads::kUndef || r.writes != Writes::kUndef)
            known.insert(r.e.raw);
    for (SysReg reg : {SysReg::OSLAR_EL1, SysReg::OSLSR_EL1, SysReg::CCSIDR_EL1, SysReg::CLIDR_EL1})
        known.insert(encoding_of(reg).raw);
    for (u8 op2 : {2, 3})
        known.insert(encode(3, 0, 5, 5, op2).raw);  // ERXMISC2, 3
    for (u32 raw = 0; raw < 0x10000; raw++) {
        Encoding e{static_cast<u16>(raw)};
        if (known.count(e.raw))
            continue;
        bool id = e.op0() == 3 && e.crn() == 0 && e.crm() < 8 && (e.op1() < 2 || e.op1() == 3);
        EXPECT_EQ(write(m, e, ~u64{0}), kUndefined) << std::hex << raw;
        Emulation r = read(m, e).what;
        bool answered = IdRegisters::holds(e) || e == encoding_of(SysReg::MPIDR_EL1);
        EXPECT_EQ(r, !id ? kUndefined : answered ? kDone : kIdTrap) << std::hex << raw;
    }
    EXPECT_TRUE(m.hooks.calls.empty());
}

TEST(SysregTraps, IdRegisters) {
    Machine m(max_profile(), 0, 0x123);
    EXPECT_EQ(read(m, SysReg::ID_AA64PFR0_EL1).value, m.ids.read(encoding_of(SysReg::ID_AA64PFR0_EL1)));
    EXPECT_EQ(read(m, encode(3, 0, 0, 7, 7)).value, 0u);
    EXPECT_EQ(read(m, SysReg::MIDR_EL1).value, 0x000f'0510u);
    EXPECT_EQ(read(m, SysReg::AIDR_EL1).value, 0x99u);
    EXPECT_EQ(read(m, SysReg::CTR_EL0).value, 0x9444'c004u);
    EXPECT_EQ(read(m, SysReg::MPIDR_EL1).value, 0x8000'1203u);
    EXPECT_EQ(read(m, SysReg::CLIDR_EL1).value, m->regs.get(SysReg::CLIDR_EL1));
    // The zero register takes nothing.
    EXPECT_EQ(emulate_sysreg(*m, access(encoding_of(SysReg::CTR_EL0), true, 31), m.hooks), kDone);
}

TEST(SysregTraps, UnimplementedIdRegistersWithoutIdstAreUndefined) {
    Machine with, without(plain_profile());
    for (SysReg reg : {SysReg::CCSIDR2_EL1, SysReg::SMIDR_EL1, SysReg::GMID_EL1}) {
        EXPECT_EQ(read(with, reg).what, kIdTrap);
        EXPECT_EQ(read(without, reg).what, kUndefined);
    }
    with->context.esr = 0x1ff'ffff & access(encoding_of(SysReg::GMID_EL1), true).raw;
    finish_trap(*with, kIdTrap);
    EXPECT_EQ(with->read(SysReg::ESR_EL1), u64{0x18} << 26 | 1 << 25 | access(encoding_of(SysReg::GMID_EL1), true).raw);
}

TEST(SysregTraps, FeaturesOfTheVmDecide) {
    Machine m(plain_profile());
    for (SysReg reg : {SysReg::ERRIDR_EL1, SysReg::ERXCTLR_EL1, SysReg::LORC_EL1, SysReg::LORID_EL1}) {
        EXPECT_EQ(read(m, reg).what, kUndefined);
        EXPECT_EQ(write(m, reg, 0), kUndefined);
    }
    // RAS 1 without its fraction: no error injection registers.
    Profile profile = max_profile();
    profile[SysReg::ID_AA64PFR0_EL1] = 0x0000'0000'1100'0011;
    profile[SysReg::ID_AA64PFR1_EL1] = 0;
    Machine ras(profile);
    EXPECT_EQ(read(ras, SysReg::ERXCTLR_EL1).what, kDone);
    EXPECT_EQ(read(ras, encode(3, 0, 5, 4, 5)).what, kUndefined);
}

TEST(SysregTraps, TranslationControlTellsOfTheCaches) {
    Machine m;
    constexpr u64 both = 5;
    EXPECT_EQ(write(m, SysReg::SCTLR_EL1, 1), kDone);  // the MMU alone
    EXPECT_TRUE(m.hooks.calls.empty());
    EXPECT_EQ(write(m, SysReg::SCTLR_EL1, both), kDone);
    ASSERT_EQ(m.hooks.calls.size(), 1u);
    EXPECT_EQ(m.hooks.calls[0].value, 1u);
    EXPECT_EQ(write(m, SysReg::SCTLR_EL1, both | 8), kDone);
    EXPECT_EQ(m.hooks.calls.size(), 1u);
    m.hooks.answer = Emulation::kTier1;
    EXPECT_EQ(write(m, SysReg::SCTLR_EL1, 0), Emulation::kTier1);
    EXPECT_EQ(m->read(SysReg::SCTLR_EL1), both | 8) << "changed although the hook could not follow";
}

TEST(SysregTraps, DebugWritesLeaveTierZeroBeforeTheyChangeAnything) {
    Machine m;
    m.hooks.answer = Emulation::kTier1;
    EXPECT_EQ(write(m, SysReg::MDSCR_EL1, 0x8000), Emulation::kTier1);
    EXPECT_EQ(write(m, encode(2, 0, 0, 3, 5), 0x1e5), Emulation::kTier1);
    EXPECT_EQ(write(m, SysReg::OSLAR_EL1, 1), Emulation::kTier1);
    EXPECT_EQ(m->regs.get(SysReg::MDSCR_EL1), 0u);
    EXPECT_EQ(m->debug.guest.bcr[3], 0u);
    EXPECT_FALSE(m->debug.os_lock);
    // The value that is there already needs nothing.
    EXPECT_EQ(write(m, SysReg::MDSCR_EL1, 0), kDone);
    EXPECT_EQ(write(m, SysReg::OSLAR_EL1, 0), kDone);
    m.hooks.answer = kDone;
    EXPECT_EQ(write(m, SysReg::OSLAR_EL1, 1), kDone);
    EXPECT_EQ(read(m, SysReg::OSLSR_EL1).value, 0xau);
    EXPECT_EQ(write(m, SysReg::OSLSR_EL1, 0), kUndefined);
    EXPECT_EQ(read(m, SysReg::OSLAR_EL1).what, kUndefined);
}

TEST(SysregTraps, BreakpointBanks) {
    Machine m;
    for (u8 n = 0; n < 16; n++)
        for (u8 op2 = 4; op2 < 8; op2++)
            EXPECT_EQ(write(m, encode(2, 0, 0, n, op2), 0x100u * n + op2), kDone);
    for (u8 n = 0; n < 16; n++) {
        EXPECT_EQ(m->debug.guest.bvr[n], 0x100u * n + 4);
        EXPECT_EQ(m->debug.guest.bcr[n], 0x100u * n + 5);
        EXPECT_EQ(m->debug.guest.wvr[n], 0x100u * n + 6);
        EXPECT_EQ(m->debug.guest.wcr[n], 0x100u * n + 7);
    }
}

TEST(SysregTraps, CacheSizes) {
    Machine m;  // both minimum lines 16 words: 64 bytes
    for (u64 selected = 0; selected < 16; selected++) {
        m->write(SysReg::CSSELR_EL1, selected);
        EXPECT_EQ(read(m, SysReg::CCSIDR_EL1).value, selected < kCsselrCount ? 2u : 0u);
    }
    EXPECT_EQ(write(m, SysReg::CCSIDR_EL1, 0), kUndefined);
    Profile profile = max_profile();
    profile[SysReg::CTR_EL0] = 0x9445'c003;
    Machine other(profile);
    EXPECT_EQ(ccsidr(*other, 0), 3u);
    EXPECT_EQ(ccsidr(*other, 1), 1u);
}

TEST(SysregTraps, Finishing) {
    Machine m;
    m->context.pc = 0x1000;
    finish_trap(*m, kDone);
    EXPECT_EQ(m->context.pc, 0x1004u);
    m->write(SysReg::VBAR_EL1, 0x8'0000);
    finish_trap(*m, kUndefined);
    EXPECT_EQ(m->context.pc, 0x8'0200u);
    EXPECT_EQ(m->read(SysReg::ELR_EL1), 0x1004u);
}

}  // namespace
}  // namespace nest::test
