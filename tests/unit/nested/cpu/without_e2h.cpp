// SPDX-License-Identifier: GPL-2.0-only
// Virtual EL2 with HCR_EL2.E2H 0: what L1's choice makes of hardware, and how a change of the choice is noticed.
#include <nested/cpu/eret.hpp>
#include <nested/cpu/trap_routing.hpp>
#include <nested/cpu/vel2_tlbi.hpp>
#include <nested/cpu/vncr_access.hpp>
#include <tests/unit/nested/cpu/without_e2h.hpp>

namespace nest::nested {
namespace {

using P = arch::SPSR_EL2;

struct WithoutE2hOrNv2 : WithoutE2h {
    WithoutE2hOrNv2() : WithoutE2h(false) {}
};

TEST_F(WithoutE2h, AResetWaitsForL1sChoice) {
    reset_el2(v);
    EXPECT_FALSE(v.e2h());
    EXPECT_EQ(v.form(), kWithoutNv2) << "each access traps until HCR_EL2 is written";
    load();
    EXPECT_EQ(write(SysReg::HCR_EL2, H::RW::kMask), Outcome::kDone);
    EXPECT_EQ(hooks.forms, 1u) << "E2H stays 0, and NV2 comes";
    change_form(cpu, v);
    EXPECT_EQ(v.form(), kWithout);
    EXPECT_EQ(write(SysReg::HCR_EL2, H::RW::kMask | H::VM::kMask), Outcome::kDone);
    EXPECT_EQ(hooks.forms, 1u);
    reset_el2(v);
    load();
    EXPECT_EQ(write(SysReg::HCR_EL2, H::mask<H::RW, H::E2H>()), Outcome::kDone);
    EXPECT_EQ(hooks.forms, 2u);
    change_form(cpu, v);
    EXPECT_EQ(v.form(), Vel2Form{});
}

// What a signed address looks like depends on E2H, too: a return by the old form would call L1's address forged.
TEST_F(WithoutE2h, AReturnByTheOldFormAuthenticatesNothing) {
    config.features.pac = Pac::kFaultCombined;
    for (const u64 esr : {u64{0x1a} << 26, u64{0x1a} << 26 | 2, u64{0x1a} << 26 | 3}) {
        load();
        cpu.registers[SysReg::SCTLR_EL12] = arch::SCTLR_EL1::mask<arch::SCTLR_EL1::EnIA, arch::SCTLR_EL1::EnIB>();
        cpu.registers[SysReg::ELR_EL12] = 0x1234'0000'0000'1000;
        cpu.registers[SysReg::SPSR_EL12] = arch::kModeEL1h;
        l1(SysReg::HCR_EL2, H::E2H::kMask);
        EXPECT_EQ(emulate_eret(cpu, v, esr), Returned::kAgain) << std::hex << esr;
        choose(0);
    }
}

// The next kernel begins with the MMU off, and no access of its choice traps with NV2.
TEST_F(WithoutE2h, TheMmuGoesOffAndL1ChoosesAnew) {
    v.found_mmu(false);
    EXPECT_FALSE(v.form_is_stale()) << "it was never on: firmware that stays without";
    v.found_mmu(true);
    v.found_mmu(true);
    EXPECT_FALSE(v.form_is_stale());
    v.found_mmu(false);
    ASSERT_TRUE(v.form_is_stale());
    change_form(cpu, v);
    EXPECT_EQ(v.form(), kWithoutNv2);
    v.found_mmu(false);
    EXPECT_FALSE(v.form_is_stale());
    EXPECT_EQ(write(SysReg::HCR_EL2, H::mask<H::RW, H::E2H>()), Outcome::kDone);
    EXPECT_EQ(hooks.forms, 1u);
    change_form(cpu, v);
    EXPECT_EQ(v.form(), Vel2Form{});
    v.found_mmu(false);
    EXPECT_FALSE(v.form_is_stale()) << "it has chosen";
}

TEST_F(WithoutE2h, WhoDoesNotChooseHasChosenWhenTheMmuIsOn) {
    v.found_mmu(true);
    v.found_mmu(false);
    change_form(cpu, v);
    v.found_mmu(true);
    ASSERT_TRUE(v.form_is_stale());
    change_form(cpu, v);
    EXPECT_EQ(v.form(), kWithout);
}

TEST_F(WithoutE2hOrNv2, TheMmuDoesNotMatterWithoutNv2) {
    v.found_mmu(true);
    v.found_mmu(false);
    EXPECT_FALSE(v.form_is_stale());
}

TEST_F(WithoutE2h, AStoreToTheVncrPageIsNoticed) {
    EXPECT_FALSE(v.e2h_was_written());
    l1(SysReg::HCR_EL2, H::E2H::kMask | 0x1234);
    EXPECT_TRUE(v.e2h_was_written());
    EXPECT_FALSE(v.e2h()) << "as hardware has it";
    EXPECT_TRUE(v.settle_form().e2h);
    EXPECT_FALSE(v.e2h_was_written());
    l1(SysReg::HCR_EL2, H::E2H::kMask | 0x5678);
    EXPECT_FALSE(v.e2h_was_written()) << "no other bit matters";
}

TEST_F(Vel2Test, WhereL1CannotChooseItsBitMeansNothing) {
    EXPECT_TRUE(v.e2h());
    l1(SysReg::HCR_EL2, 0);
    EXPECT_TRUE(v.settle_form().e2h) << "RES1";
    EXPECT_FALSE(v.e2h_was_written());
}

TEST_F(WithoutE2h, TrapsOfEachForm) {
    const auto traps = [&](Vel2Form form) { return vel2_traps(ours, form, DebugTraps::kNone, true); };
    constexpr u64 kForms = H::mask<H::NV, H::NV1, H::NV2, H::TVM, H::TRVM>();
    EXPECT_EQ(traps({}).hcr.raw & kForms, (H::mask<H::NV, H::NV2>()));
    EXPECT_EQ(traps(kWithout).hcr.raw & kForms, (H::mask<H::NV, H::NV1, H::NV2>()));
    EXPECT_EQ(traps(kWithoutNv2).hcr.raw & kForms, (H::mask<H::NV, H::NV1, H::TVM, H::TRVM>()))
        << "L2's registers have no memory to go to";
    EXPECT_TRUE(traps({}).cptr.get<arch::CPTR_EL2::TCPAC>());
    EXPECT_FALSE(traps(kWithout).cptr.get<arch::CPTR_EL2::TCPAC>()) << "CPACR_EL1 is memory";
    EXPECT_TRUE(traps(kWithoutNv2).cptr.get<arch::CPTR_EL2::TCPAC>());
}

// ---- registers

TEST_F(WithoutE2h, TranslationRegistersAreConverted) {
    // T0SZ 16, IRGN0 1, ORGN0 1, SH0 3, TG0 4K, PS 48 bits, TBI, HA, HD, HPD.
    EXPECT_EQ(write(SysReg::TCR_EL2, 16 | 1 << 8 | 1 << 10 | 3 << 12 | 5 << 16 | 1 << 20 | 3 << 21 | 1 << 24), Outcome::kDone);
    const u64 tcr = hardware(SysReg::TCR_EL12);
    EXPECT_EQ(tcr & 0xffff, u64{16 | 1 << 8 | 1 << 10 | 3 << 12});
    EXPECT_EQ(tcr >> 32 & 7, 5u) << "IPS";
    EXPECT_EQ(tcr >> 37 & 1, 1u) << "TBI0";
    EXPECT_EQ(tcr >> 39 & 3, 3u) << "HA, HD";
    EXPECT_EQ(tcr >> 41 & 1, 1u) << "HPD0";
    EXPECT_EQ(tcr >> 23 & 1, 1u) << "EPD1: there is no upper range";
    EXPECT_EQ(tcr >> 7 & 1, 0u) << "EPD0";
    EXPECT_EQ(read(SysReg::TCR_EL2), Outcome::kDone);
    EXPECT_EQ(context.x[5], u64{16 | 1 << 8 | 1 << 10 | 3 << 12 | 5 << 16 | 1 << 20 | 3 << 21 | 1 << 24}) << "as it was written";

    EXPECT_EQ(write(SysReg::TTBR0_EL2, u64{0xabcd} << 48 | 0x4000'1001), Outcome::kDone);
    EXPECT_EQ(hardware(SysReg::TTBR0_EL12), 0x4000'1000u) << "neither ASID nor CnP";

    EXPECT_EQ(write(SysReg::SCTLR_EL2, 0x30c5'1835), Outcome::kDone);  // M, C, I, SA, EIS, EOS and RES1; SPAN clear would be 0
    const auto sctlr = arch::SCTLR_EL1::of(hardware(SysReg::SCTLR_EL12));
    EXPECT_TRUE(sctlr.get<arch::SCTLR_EL1::M>());
    EXPECT_TRUE(sctlr.get<arch::SCTLR_EL1::SPAN>()) << "an exception to EL2 does not set PAN";
    EXPECT_EQ(write(SysReg::SCTLR_EL2, 0), Outcome::kDone);
    EXPECT_TRUE(arch::SCTLR_EL1::of(hardware(SysReg::SCTLR_EL12)).get<arch::SCTLR_EL1::SPAN>());

    for (const auto& [reg, in_hardware] : {std::pair{SysReg::VBAR_EL2, SysReg::VBAR_EL12}, {SysReg::MAIR_EL2, SysReg::MAIR_EL12}}) {
        EXPECT_EQ(write(reg, 0x1234'5800), Outcome::kDone);
        EXPECT_EQ(hardware(in_hardware), 0x1234'5800u);
        EXPECT_EQ(file.get(reg), 0x1234'5800u) << "no exit may be the next, and nothing saves it";
    }
}

TEST_F(WithoutE2h, CptrHasItsOwnLayout) {
    constexpr u64 kTfp = 1 << 10, kTz = 1 << 8, kRes1 = 0x32ff;
    EXPECT_EQ(write(SysReg::CPTR_EL2, 0), Outcome::kDone);
    EXPECT_EQ(arch::CPTR_EL2::of(hardware(SysReg::CPACR_EL12)).get<arch::CPTR_EL2::FPEN>(), 3u);
    EXPECT_FALSE(l1_traps_fp(v.cptr_of_l1()));
    EXPECT_EQ(read(SysReg::CPTR_EL2), Outcome::kDone);
    EXPECT_EQ(context.x[5], kRes1);
    EXPECT_EQ(write(SysReg::CPTR_EL2, kTfp | 1u << 31 | 1 << 20), Outcome::kDone);
    EXPECT_EQ(arch::CPTR_EL2::of(hardware(SysReg::CPACR_EL12)).get<arch::CPTR_EL2::FPEN>(), 0u) << "traps at EL2 as well";
    EXPECT_TRUE(l1_traps_fp(v.cptr_of_l1()));
    EXPECT_TRUE(v.cptr_of_l1().get<arch::CPTR_EL2::TCPAC>());
    EXPECT_TRUE(v.cptr_of_l1().get<arch::CPTR_EL2::TTA>());
    const vhe::TrapConfig l2 = l2_traps(ours, config, file, false);
    EXPECT_TRUE(l2.cptr.get<arch::CPTR_EL2::TCPAC>());
    EXPECT_FALSE(l1_traps_sve(v.cptr_of_l1()));
    EXPECT_EQ(write(SysReg::CPTR_EL2, kTz), Outcome::kDone);
    EXPECT_TRUE(l1_traps_sve(v.cptr_of_l1()));
    EXPECT_FALSE(l1_traps_fp(v.cptr_of_l1()));
    EXPECT_EQ(arch::CPTR_EL2::of(hardware(SysReg::CPACR_EL12)).get<arch::CPTR_EL2::ZEN>(), 0u);
    EXPECT_EQ(RegisterMasks(Features{}).cptr_without_e2h(0), kRes1 | kTz) << "without SVE";
}

TEST_F(WithoutE2h, CnthctlHasItsOwnLayout) {
    using T = arch::CNTHCTL_EL2;
    EXPECT_EQ(write(SysReg::CNTHCTL_EL2, 2 | 0xf00), Outcome::kDone);
    EXPECT_FALSE(v.cnthctl().get<T::EL1PCTEN>());
    EXPECT_TRUE(v.cnthctl().get<T::EL1PTEN>());
    EXPECT_EQ(read(SysReg::CNTHCTL_EL2), Outcome::kDone);
    EXPECT_EQ(context.x[5], 2u) << "bits that only E2H gives do not exist";
    v.set_world(World::kL2);
    const auto routed = [&](SysReg r) { return route(v, sysreg_esr(encoding_of(r), true)); };
    EXPECT_EQ(routed(SysReg::CNTPCT_EL0), Route::kForward);
    EXPECT_EQ(routed(SysReg::CNTP_CTL_EL0), Route::kOurs);
    l1(SysReg::CNTHCTL_EL2, 1);
    EXPECT_EQ(routed(SysReg::CNTPCT_EL0), Route::kOurs);
    EXPECT_EQ(routed(SysReg::CNTP_CTL_EL0), Route::kForward);
}

TEST_F(WithoutE2h, El1NamesAreL2sAndEl12NamesDoNotExist) {
    const u64 own = hardware(SysReg::SCTLR_EL12);
    EXPECT_EQ(write(SysReg::SCTLR_EL1, 0x1005), Outcome::kDone);
    EXPECT_EQ(file.get(SysReg::SCTLR_EL1), 0x1005u);
    EXPECT_EQ(hardware(SysReg::SCTLR_EL12), own) << "virtual EL2's own, which is in there";
    EXPECT_EQ(write(SysReg::ELR_EL1, 0x88), Outcome::kDone);
    EXPECT_EQ(file.get(SysReg::ELR_EL1), 0x88u);
    EXPECT_EQ(write(SysReg::CPACR_EL1, 3 << 20), Outcome::kDone);
    EXPECT_EQ(file.get(SysReg::CPACR_EL1), u64{3 << 20});
    EXPECT_EQ(read(SysReg::VBAR_EL12), Outcome::kUndefined);
    EXPECT_EQ(read(SysReg::SCTLR_EL12), Outcome::kUndefined);
    EXPECT_EQ(read(SysReg::CNTV_CTL_EL02), Outcome::kUndefined);
    EXPECT_EQ(write(SysReg::CNTKCTL_EL1, 3), Outcome::kDone);
    EXPECT_EQ(hardware(SysReg::CNTKCTL_EL12), 3u) << "where virtual EL2 finds it without a trap";
    EXPECT_EQ(read(SysReg::MIDR_EL1), Outcome::kFlat);
}

// ---- worlds

TEST_F(WithoutE2h, AChangeOfWorldsSavesWhatHardwareWroteAndConvertsTheRest) {
    l1(SysReg::SCTLR_EL1, 0x77);
    l1(SysReg::CNTKCTL_EL1, 0x5);
    l1(SysReg::TCR_EL2, 25);
    load();
    cpu.registers[SysReg::ESR_EL12] = 0x56;
    cpu.registers[SysReg::SP_EL1] = 0x5000;
    cpu.registers[SysReg::SPSR_EL12] = arch::kModeEL2h;  // hardware's, with NV2
    cpu.registers[SysReg::CNTKCTL_EL12] = 0x3;           // L1's write, without a trap
    switch_to_l2(cpu, v, args());
    EXPECT_EQ(file.get(SysReg::ESR_EL2), 0x56u);
    EXPECT_EQ(file.get(SysReg::SP_EL2), 0x5000u);
    EXPECT_EQ(file.get(SysReg::SPSR_EL2), arch::kModeEL2h);
    EXPECT_EQ(hardware(SysReg::CNTKCTL_EL12), 3u) << "L2's, in either world";
    EXPECT_EQ(file.get(SysReg::TCR_EL2), 25u) << "the conversion never comes back";
    EXPECT_EQ(hardware(SysReg::SCTLR_EL12), 0x77u);
    cpu.registers[SysReg::SCTLR_EL12] = 0x79;
    switch_to_vel2(cpu, v, args());
    EXPECT_EQ(file.get(SysReg::SCTLR_EL1), 0x79u);
    EXPECT_EQ(hardware(SysReg::TCR_EL12), vhe::tcr_el1_of(25));
    EXPECT_EQ(hardware(SysReg::ESR_EL12), 0x56u);
    EXPECT_EQ(hardware(SysReg::CNTKCTL_EL12), 3u);
    EXPECT_TRUE(H::of(hardware(SysReg::HCR_EL2)).get<H::NV1>());
}

TEST_F(WithoutE2h, AChangeOfE2hKeepsEveryBit) {
    const std::pair<SysReg, u64> values[] = {{SysReg::TCR_EL2, u64{5} << 32 | 1 << 23 | 0x1234'0019}, {SysReg::SCTLR_EL2, 0x3485'1105},
                                             {SysReg::TTBR0_EL2, u64{7} << 48 | 0x1001}, {SysReg::CPTR_EL2, 0x8030'0000},
                                             {SysReg::ESR_EL2, 0x5a}, {SysReg::ELR_EL2, 0x4000'0000}, {SysReg::VBAR_EL2, 0x800}};
    for (const auto& [reg, value] : values)
        l1(reg, value);
    load();
    cpu.registers[SysReg::CNTKCTL_EL12] = 0x9;
    for (const u64 next : {H::E2H::kMask, u64{0}, H::E2H::kMask}) {
        l1(SysReg::HCR_EL2, next | H::RW::kMask);
        ASSERT_TRUE(v.form_is_stale());
        change_form(cpu, v);
        EXPECT_EQ(v.e2h(), next != 0);
        vhe::save_vel2(cpu, file, v.form());
        for (const auto& [reg, value] : values)
            EXPECT_EQ(file.get(reg), value) << arch::name_of(reg) << " E2H " << (next != 0);
        EXPECT_EQ(file.get(SysReg::CNTKCTL_EL1), 9u) << "L2's";
        EXPECT_EQ(hardware(SysReg::TCR_EL12), next ? values[0].second : vhe::tcr_el1_of(values[0].second));
    }
}

// Walks by the old registers must have ended before the first one changes ([DDI0487] D8.1.2).
TEST_F(WithoutE2h, AChangeOfE2hBeginsWithABarrier) {
    l1(SysReg::HCR_EL2, H::E2H::kMask);
    change_form(cpu, v);
    ASSERT_FALSE(cpu.log.empty());
    EXPECT_EQ(cpu.log[0].kind, Event::kDsb);
}

// ---- exceptions

TEST_F(WithoutE2h, ReturnsGoToEl1OfL2OrToEl2) {
    const auto eret = [&](u64 spsr) {
        cpu.registers[SysReg::SPSR_EL12] = spsr;
        return emulate_eret(cpu, v, u64{0x1a} << 26);
    };
    EXPECT_EQ(eret(arch::kModeEL1h), Returned::kL2);
    at(arch::kModeEL2h);
    EXPECT_EQ(eret(arch::kModeEL2h), Returned::kVel2);
    EXPECT_EQ(eret(arch::kModeEL0t), Returned::kL2);
    at(arch::kModeEL2h);
    add_hcr(H::TGE::kMask);
    EXPECT_EQ(eret(arch::kModeEL0t), Returned::kL2) << "TGE alone makes EL0 no part of virtual EL2";
    at(arch::kModeEL2h);
    EXPECT_EQ(eret(arch::kModeEL1h), Returned::kVel2) << "illegal";
    EXPECT_TRUE(context.pstate & P::IL::kMask);
}

TEST_F(WithoutE2hOrNv2, SpsrTellsL1sEl1FromHardwares) {
    EXPECT_EQ(v.form(), kWithoutNv2);
    // L1 wants to return to EL1.
    EXPECT_EQ(write(SysReg::SPSR_EL2, arch::kModeEL1h), Outcome::kDone);
    EXPECT_EQ(read(SysReg::SPSR_EL2), Outcome::kDone);
    EXPECT_EQ(context.x[5], arch::kModeEL1h);
    at(arch::kModeEL2h);
    EXPECT_EQ(emulate_eret(cpu, v, u64{0x1a} << 26), Returned::kL2);
    at(arch::kModeEL2h);
    // Hardware has taken an exception from virtual EL2 to itself: for it, from EL1.
    cpu.registers[SysReg::SPSR_EL12] = arch::kModeEL1h;
    EXPECT_EQ(read(SysReg::SPSR_EL2), Outcome::kDone);
    EXPECT_EQ(context.x[5], arch::kModeEL2h);
    EXPECT_EQ(emulate_eret(cpu, v, u64{0x1a} << 26), Returned::kVel2);
    // And in memory it is as L1 knows it.
    vhe::save_vel2(cpu, file, v.form());
    EXPECT_EQ(file.get(SysReg::SPSR_EL2), arch::kModeEL2h);
    vhe::load_vel2(cpu, file, v.form());
    EXPECT_EQ(hardware(SysReg::SPSR_EL12), arch::kModeEL1h);
}

TEST_F(WithoutE2h, AnExceptionFromL2ArrivesAtTheSameVectors) {
    enter_guest();
    l1(SysReg::VBAR_EL2, 0x8000);
    context.pc = 0x4444;
    take_exception(cpu, v, Exception::sync(u64{0x16} << 26), args());
    EXPECT_EQ(context.pc, 0x8400u);
    EXPECT_EQ(hardware(SysReg::SPSR_EL12), arch::kModeEL1h);
    EXPECT_EQ(hardware(SysReg::ELR_EL12), 0x4444u);
    EXPECT_EQ(v.guest_pstate() & 0x1f, arch::kModeEL2h);
}

// ---- instructions

TEST_F(WithoutE2h, TlbMaintenanceOfARegimeWithoutAsids) {
    EXPECT_EQ(access(arch::encode(1, 4, 8, 7, 1), false, u64{0x5a5a} << 48 | 0x1234), Outcome::kDone);  // VAE2
    EXPECT_EQ(hooks.last.regime, Regime::kEl2);
    execute_vel2_tlbi(cpu, hooks.last, u64{0x5a5a} << 48 | 0x1234);
    EXPECT_EQ(cpu.log.back(), (Event{Event::kTlbi, static_cast<u64>(arch::Tlbi::VAE1IS), 0x1234}))
        << "RES0 bits are no ASID: hardware has everything under ASID 0";
    EXPECT_EQ(access(arch::encode(1, 4, 8, 7, 0), false), Outcome::kDone);  // ALLE2
    execute_vel2_tlbi(cpu, hooks.last, 0);
    EXPECT_EQ(cpu.log.back().what, static_cast<u64>(arch::Tlbi::VMALLE1IS));
    EXPECT_EQ(access(arch::encode(1, 0, 8, 7, 1), false, 0x1234), Outcome::kDone);  // VAE1
    EXPECT_EQ(hooks.last.regime, Regime::kEl10) << "L2's";
}

// ---- an L2 that is such a hypervisor itself

TEST_F(WithoutE2h, Nv1MakesMemoryOfPlainNamesAndNotOfEl12Names) {
    const auto offset = [](SysReg name, bool nv1) {
        const SysReg reg = vncr_register(encoding_of(name), nv1);
        return reg == SysReg::kCount ? -1 : arch::info(reg).vncr;
    };
    EXPECT_EQ(offset(SysReg::SCTLR_EL1, true), 0x110);
    EXPECT_EQ(offset(SysReg::SCTLR_EL1, false), -1);
    EXPECT_EQ(offset(SysReg::SCTLR_EL12, true), -1);
    EXPECT_EQ(offset(SysReg::SCTLR_EL12, false), 0x110);
    EXPECT_EQ(offset(SysReg::ELR_EL1, true), 0x230);
    EXPECT_EQ(offset(SysReg::CNTV_CTL_EL0, true), 0x170);
    EXPECT_EQ(offset(SysReg::CNTV_CTL_EL02, true), -1);
    EXPECT_EQ(offset(SysReg::CNTKCTL_EL1, true), -1);
    EXPECT_EQ(offset(SysReg::HCR_EL2, true), 0x78);
    EXPECT_EQ(offset(SysReg::MDSCR_EL1, true), 0x158);
}

TEST_F(WithoutE2h, AnL2WithNv1TrapsByItsPlainNamesUntilItsPageIsKnown) {
    l1(SysReg::HCR_EL2, H::mask<H::RW, H::NV, H::NV1, H::NV2>());
    v.world_traps.make(sources(), config, file, v.form());
    constexpr u64 kTraps = H::mask<H::NV2, H::TVM, H::TRVM>();
    v.world_traps.l2_redirects(false);
    EXPECT_EQ(v.world_traps.l2().hcr.raw & kTraps, (H::mask<H::TVM, H::TRVM>()));
    EXPECT_TRUE(v.world_traps.l2().hcr.get<H::NV1>());
    v.world_traps.l2_redirects(true);
    EXPECT_EQ(v.world_traps.l2().hcr.raw & kTraps, H::NV2::kMask);
    l1(SysReg::HCR_EL2, H::mask<H::RW, H::NV, H::NV1, H::NV2, H::TVM>());
    v.world_traps.refresh_l2_traps(config, file);
    v.world_traps.l2_redirects(true);
    EXPECT_EQ(v.world_traps.l2().hcr.raw & kTraps, (H::mask<H::NV2, H::TVM>())) << "L1's own trap";
    v.set_world(World::kL2);
    l1(SysReg::HCR_EL2, H::mask<H::RW, H::NV, H::NV1, H::NV2>());
    EXPECT_EQ(route(v, sysreg_esr(encoding_of(SysReg::SCTLR_EL1), false)), Route::kVncr);
    EXPECT_EQ(route(v, sysreg_esr(encoding_of(SysReg::SCTLR_EL12), false)), Route::kForward) << "UNDEFINED, which L1 says";
    l1(SysReg::HCR_EL2, H::mask<H::RW, H::NV, H::NV2>());
    EXPECT_EQ(route(v, sysreg_esr(encoding_of(SysReg::SCTLR_EL12), false)), Route::kVncr);
}

}  // namespace
}  // namespace nest::nested
