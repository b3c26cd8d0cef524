// SPDX-License-Identifier: GPL-2.0-only
// Accesses on which virtual EL2 traps.
#include <nested/cpu/el2_sysreg.hpp>
#include <tests/unit/nested/vel2/fixture.hpp>
#include <vector>

namespace nest::nested {
namespace {

using arch::Encoding;
using arch::encode;
using arch::encoding_of;
using H = arch::HCR_EL2;

struct FakeHooks final : El2Hooks {
    Outcome answer = Outcome::kDone;
    u64 result = 0x5a5a;
    std::vector<SysReg> timers, gics;
    std::vector<TlbiOp> tlbis;
    std::vector<AtOp> ats;
    u64 last_write = 0;

    Outcome timer(SysReg reg, bool is_read, u64& value) override {
        timers.push_back(reg);
        (is_read ? value : last_write) = is_read ? result : value;
        return answer;
    }
    Outcome gic(SysReg reg, u64& value) override {
        gics.push_back(reg);
        value = result;
        return answer;
    }
    Outcome tlbi(const TlbiOp& op, u64 operand) override {
        tlbis.push_back(op);
        last_write = operand;
        return answer;
    }
    void form_changed() override { forms++; }
    Outcome at(const AtOp& op) override {
        ats.push_back(op);
        return answer;
    }
    unsigned forms = 0;
};

struct El2Sysreg : Vel2Test {
    FakeHooks hooks;

    explicit El2Sysreg(Features f = every_feature()) : Vel2Test(f) {
        load_world(cpu, v, sources());
        cpu.log.clear();
        context.pc = 0x1000;
    }
    Outcome access(Encoding e, bool is_read, u64 operand = 0, unsigned rt = 5) {
        if (rt != 31)
            context.x[rt] = operand;
        const u64 iss = u64{e.op0()} << 20 | u64{e.op2()} << 17 | u64{e.op1()} << 14 | u64{e.crn()} << 10 | rt << 5 |
                        u64{e.crm()} << 1 | is_read;
        return emulate_el2_access(cpu, v, arch::SysRegIss::of(iss), hooks);
    }
    Outcome read(SysReg r) { return access(encoding_of(r), true); }
    Outcome write(SysReg r, u64 value) { return access(encoding_of(r), false, value); }
};

TEST_F(El2Sysreg, CpacrIsCptrAndCostsOneRegisterWrite) {
    context.pstate |= 3 << 10 | 1 << 21;
    EXPECT_EQ(write(SysReg::CPACR_EL1, 0xc030'0000), Outcome::kDone);
    EXPECT_EQ(file.get(SysReg::CPTR_EL2), 0xc030'0000u) << "TCPAC and TAM survive";
    EXPECT_EQ(hardware(SysReg::CPACR_EL12), 0xc030'0000u);
    EXPECT_EQ(cpu.log.size(), 1u);
    EXPECT_EQ(context.pc, 0x1004u);
    EXPECT_FALSE(context.pstate & (3 << 10 | 1 << 21)) << "BTYPE and SS as after any instruction";
    EXPECT_EQ(read(SysReg::CPACR_EL1), Outcome::kDone);
    EXPECT_EQ(context.x[5], 0xc030'0000u);
    EXPECT_EQ(read(SysReg::CPTR_EL2), Outcome::kDone);
    EXPECT_EQ(context.x[5], 0xc030'0000u);
}

TEST_F(El2Sysreg, OwnRegistersByNameAreHardwares) {
    for (SysReg r : {SysReg::SCTLR_EL2, SysReg::TTBR0_EL2, SysReg::TTBR1_EL2, SysReg::TCR_EL2, SysReg::VBAR_EL2,
                     SysReg::MAIR_EL2, SysReg::AMAIR_EL2, SysReg::AFSR0_EL2, SysReg::CONTEXTIDR_EL2, SysReg::ELR_EL2,
                     SysReg::SPSR_EL2, SysReg::ESR_EL2, SysReg::FAR_EL2}) {
        const u64 value = 0x1000 + static_cast<u64>(r);
        EXPECT_EQ(write(r, value), Outcome::kDone) << arch::name_of(r);
        u64 got = 0;
        EXPECT_TRUE(vhe::read_vel2(cpu, file, r, got));
        EXPECT_EQ(got, value) << arch::name_of(r);
        EXPECT_EQ(read(r), Outcome::kDone);
        EXPECT_EQ(context.x[5], value) << arch::name_of(r);
    }
}

TEST_F(El2Sysreg, El1NamesThatTrapMeanTheSame) {
    EXPECT_EQ(write(SysReg::SCTLR_EL1, 0x1005), Outcome::kDone);
    EXPECT_EQ(hardware(SysReg::SCTLR_EL12), 0x1005u);
    EXPECT_EQ(read(SysReg::SCTLR_EL2), Outcome::kDone);
    EXPECT_EQ(context.x[5], 0x1005u);
    EXPECT_EQ(write(SysReg::CNTKCTL_EL1, 0x3), Outcome::kDone);
    EXPECT_EQ(hardware(SysReg::CNTKCTL_EL12), 3u);
    EXPECT_EQ(read(SysReg::MIDR_EL1), Outcome::kFlat);
    EXPECT_EQ(context.pc, 0x1000u + 3 * 4) << "kFlat leaves PC";
}

TEST_F(El2Sysreg, MemoryWithItsMasks) {
    EXPECT_EQ(write(SysReg::HCR_EL2, ~u64{0}), Outcome::kDone);
    EXPECT_EQ(read(SysReg::HCR_EL2), Outcome::kDone);
    EXPECT_EQ(context.x[5], config.masks.apply(SysReg::HCR_EL2, ~u64{0}));
    EXPECT_FALSE(context.x[5] & H::NV1::kMask);
    EXPECT_EQ(write(SysReg::HPFAR_EL2, ~u64{0}), Outcome::kDone);
    EXPECT_EQ(file.get(SysReg::HPFAR_EL2), 0x0fff'ffff'fff0u);
    EXPECT_EQ(write(SysReg::TPIDR_EL2, 0x1234'5678'9abc), Outcome::kDone);
    EXPECT_EQ(file.get(SysReg::TPIDR_EL2), 0x1234'5678'9abcu);
}

TEST_F(El2Sysreg, CnthctlIsMerged) {
    cpu.registers[SysReg::CNTKCTL_EL12] = 0x2;
    l1(SysReg::CNTHCTL_EL2, 0xc00);
    EXPECT_EQ(read(SysReg::CNTHCTL_EL2), Outcome::kDone);
    EXPECT_EQ(context.x[5], 0xc02u);
    EXPECT_EQ(write(SysReg::CNTHCTL_EL2, 0x401), Outcome::kDone);
    EXPECT_EQ(hardware(SysReg::CNTKCTL_EL12), 0x1u);
    EXPECT_EQ(read(SysReg::CNTHCTL_EL2), Outcome::kDone);
    EXPECT_EQ(context.x[5], 0x401u);
}

TEST_F(El2Sysreg, El12NamesAreTheGuests) {
    EXPECT_EQ(write(SysReg::CNTKCTL_EL12, 0x303), Outcome::kDone);
    EXPECT_EQ(file.get(SysReg::CNTKCTL_EL1), 0x303u);
    EXPECT_EQ(write(SysReg::SCTLR_EL12, 0x77), Outcome::kDone);
    EXPECT_EQ(file.get(SysReg::SCTLR_EL1), 0x77u);
    EXPECT_EQ(read(SysReg::SCTLR_EL12), Outcome::kDone);
    EXPECT_EQ(context.x[5], 0x77u);
    EXPECT_TRUE(cpu.log.empty()) << "hardware's EL1 registers are virtual EL2's own";
    EXPECT_EQ(el12_register(encoding_of(SysReg::SCTLR_EL1)), SysReg::kCount);
}

TEST_F(El2Sysreg, GicAndTimersAndSre) {
    EXPECT_EQ(read(SysReg::ICH_MISR_EL2), Outcome::kDone);
    EXPECT_EQ(context.x[5], 0x5a5au);
    for (SysReg r : {SysReg::ICH_VTR_EL2, SysReg::ICH_EISR_EL2, SysReg::ICH_ELRSR_EL2}) {
        EXPECT_EQ(read(r), Outcome::kDone);
        EXPECT_EQ(write(r, 1), Outcome::kUndefined);
    }
    EXPECT_EQ(hooks.gics.size(), 4u);
    EXPECT_EQ(read(SysReg::CNTP_CTL_EL02), Outcome::kDone);
    EXPECT_EQ(write(SysReg::CNTHV_CVAL_EL2, 99), Outcome::kDone);
    EXPECT_EQ(hooks.timers, (std::vector<SysReg>{SysReg::CNTP_CTL_EL02, SysReg::CNTHV_CVAL_EL2}));
    EXPECT_EQ(hooks.last_write, 99u);
    EXPECT_EQ(read(SysReg::ICC_SRE_EL2), Outcome::kDone);
    EXPECT_EQ(context.x[5], 0xfu);
    EXPECT_EQ(write(SysReg::ICC_SRE_EL2, 0), Outcome::kDone);
}

TEST_F(El2Sysreg, HookThatCannotFinishLeavesEverything) {
    hooks.answer = Outcome::kTier1;
    const u64 pc = context.pc;
    EXPECT_EQ(access(encode(1, 4, 8, 3, 6), false), Outcome::kTier1);
    EXPECT_EQ(access(encoding_of(SysReg::ICH_MISR_EL2), true, 0x77), Outcome::kTier1);
    EXPECT_EQ(context.x[5], 0x77u);
    EXPECT_EQ(context.pc, pc);
}

TEST_F(El2Sysreg, TlbiAndAtAreHandedOverDecoded) {
    EXPECT_EQ(access(encode(1, 0, 8, 7, 1), false, u64{5} << 48 | 0x1234), Outcome::kDone);
    ASSERT_EQ(hooks.tlbis.size(), 1u);
    EXPECT_EQ(hooks.tlbis[0].regime, Regime::kEl10);
    EXPECT_EQ(hooks.tlbis[0].asid, 5);
    EXPECT_EQ(hooks.last_write, u64{5} << 48 | 0x1234);
    add_hcr(H::TGE::kMask);
    EXPECT_EQ(access(encode(1, 0, 8, 7, 0), false, 0, 31), Outcome::kDone);
    EXPECT_EQ(hooks.tlbis[1].regime, Regime::kEl20);
    EXPECT_EQ(access(encode(1, 0, 7, 8, 1), false, 0xabc), Outcome::kDone);
    ASSERT_EQ(hooks.ats.size(), 1u);
    EXPECT_EQ(hooks.ats[0].va, 0xabcu);
    EXPECT_EQ(access(encode(1, 4, 8, 7, 7), false), Outcome::kUndefined) << "unallocated";
    EXPECT_EQ(access(encode(1, 0, 7, 6, 2), false), Outcome::kFlat) << "DC ISW";
}

TEST_F(El2Sysreg, UndefinedAtEl2) {
    for (SysReg r : {SysReg::SP_EL2, SysReg::RVBAR_EL2, SysReg::RMR_EL2})
        EXPECT_EQ(read(r), Outcome::kUndefined) << arch::name_of(r);
    // Of two features, of which no VM has FEAT_AMUv1.
    EXPECT_EQ(read(SysReg::HAFGRTR_EL2), Outcome::kUndefined);
    EXPECT_EQ(access(encoding_of(SysReg::HAFGRTR_EL2), false, ~u64{0}, 3), Outcome::kUndefined);
    EXPECT_EQ(context.pc, 0x1000u);
}

struct FewSysregs : El2Sysreg {
    FewSysregs() : El2Sysreg(Features{}) {}
};
TEST_F(FewSysregs, HiddenFeaturesAreUndefined) {
    for (SysReg r : {SysReg::HFGRTR_EL2, SysReg::HCRX_EL2, SysReg::VNCR_EL2, SysReg::VSESR_EL2, SysReg::ICH_VTR_EL2})
        EXPECT_EQ(read(r), Outcome::kUndefined) << arch::name_of(r);
}

TEST_F(El2Sysreg, RegisterZeroReadsAsZeroAndStays) {
    EXPECT_EQ(access(encoding_of(SysReg::TPIDR_EL2), false, 0, 31), Outcome::kDone);
    EXPECT_EQ(file.get(SysReg::TPIDR_EL2), 0u);
    EXPECT_EQ(access(encoding_of(SysReg::ICC_SRE_EL2), true, 0, 31), Outcome::kDone);
}

}  // namespace
}  // namespace nest::nested
