// SPDX-License-Identifier: GPL-2.0-only
// The switch between virtual EL2 and L2: what moves, what stays, and in which order.
#include <nested/cpu/world_switch.hpp>
#include <tests/unit/nested/vel2/fixture.hpp>
#include <vhe/load_put.hpp>

namespace nest::nested {
namespace {

using arch::CNTHCTL_EL2;
using H = arch::HCR_EL2;

std::vector<vhe::El1Register> el1_registers(vhe::Bank bank) {
    std::vector<vhe::El1Register> rows;
    std::ranges::copy_if(vhe::kEl1Registers, std::back_inserter(rows), [&](const auto& row) { return row.bank == bank; });
    return rows;
}
const std::vector<vhe::El1Register> kBanked = el1_registers(vhe::Bank::kBanked), kShared = el1_registers(vhe::Bank::kShared);

struct WorldSwitchTest : Vel2Test {};

TEST_F(WorldSwitchTest, ToGuestSavesVel2AndLoadsEl1) {
    load_world(cpu, v, sources());
    u64 n = 0x1000;
    for (const auto& r : vhe::kVel2Registers)
        cpu.registers[r.hardware] = n += 0x10;
    for (const auto& r : kBanked)
        l1(r.guest, n += 0x10);
    switch_to_l2(cpu, v, args());
    n = 0x1000;
    for (const auto& r : vhe::kVel2Registers)
        EXPECT_EQ(file.get(r.el2_name), n += 0x10) << arch::name_of(r.el2_name);
    for (const auto& r : kBanked)
        EXPECT_EQ(hardware(r.hardware), n += 0x10) << arch::name_of(r.guest);
    EXPECT_TRUE(v.in_l2());
}

TEST_F(WorldSwitchTest, AndBack) {
    enter_guest();
    u64 n = 0x9000;
    for (const auto& r : kBanked)
        cpu.registers[r.hardware] = n += 0x10;
    for (const auto& r : vhe::kVel2Registers)
        l1(r.el2_name, n += 0x10);
    l1(SysReg::CPTR_EL2, 0x30'0000);
    switch_to_vel2(cpu, v, args());
    n = 0x9000;
    for (const auto& r : kBanked)
        EXPECT_EQ(file.get(r.guest), n += 0x10) << arch::name_of(r.guest);
    for (const auto& r : vhe::kVel2Registers)
        EXPECT_EQ(hardware(r.hardware), n += 0x10) << arch::name_of(r.el2_name);
    EXPECT_EQ(hardware(SysReg::CPACR_EL12), 0x30'0000u);
    EXPECT_TRUE(v.in_vel2());
}

TEST_F(WorldSwitchTest, SharedRegistersAreNotTouched) {
    enter_guest();
    switch_to_vel2(cpu, v, args());
    switch_to_l2(cpu, v, args());
    for (const auto& r : kShared)
        EXPECT_EQ(cpu.position_of_write(r.hardware), -1) << arch::name_of(r.guest);
}

TEST_F(WorldSwitchTest, WalksEndBeforeTheRegimeChanges) {
    load_world(cpu, v, sources());
    cpu.log.clear();
    switch_to_l2(cpu, v, args());
    ASSERT_FALSE(cpu.log.empty());
    EXPECT_EQ(cpu.log[0], (Event{Event::kDsb, static_cast<u64>(arch::Barrier::NSH)}));
    cpu.log.clear();
    switch_to_vel2(cpu, v, args());
    EXPECT_EQ(cpu.log[0], (Event{Event::kDsb, static_cast<u64>(arch::Barrier::NSH)}));
}

TEST_F(WorldSwitchTest, SavingComesBeforeLoading) {
    // Both sets live in the same hardware registers: a load first would lose the other.
    load_world(cpu, v, sources());
    cpu.registers[SysReg::SCTLR_EL12] = 0xaa;
    l1(SysReg::SCTLR_EL1, 0xbb);
    cpu.registers[SysReg::SP_EL1] = 0x51;
    l1(SysReg::SP_EL1, 0x61);
    switch_to_l2(cpu, v, args());
    EXPECT_EQ(file.get(SysReg::SCTLR_EL2), 0xaau);
    EXPECT_EQ(file.get(SysReg::SP_EL2), 0x51u);
    EXPECT_EQ(hardware(SysReg::SP_EL1), 0x61u);
}

TEST_F(WorldSwitchTest, CnthctlIsSplit) {
    load_world(cpu, v, sources());
    l1(SysReg::CNTHCTL_EL2, CNTHCTL_EL2::EL1PCTEN::kMask | CNTHCTL_EL2::EL1TVT::kMask);
    cpu.registers[SysReg::CNTKCTL_EL12] = ~u64{0};
    switch_to_l2(cpu, v, args());
    EXPECT_EQ(file.get(SysReg::CNTHCTL_EL2), CNTHCTL_EL2::EL1PCTEN::kMask | CNTHCTL_EL2::EL1TVT::kMask |
                                                 CNTHCTL_EL2::EVNTIS::kMask | 0x3ffu);
    switch_to_vel2(cpu, v, args());
    EXPECT_EQ(hardware(SysReg::CNTKCTL_EL12), CNTHCTL_EL2::EVNTIS::kMask | 0x3ffu) << "EL1 controls are not CNTKCTL's";
}

TEST_F(WorldSwitchTest, CptrIsNeverReadBack) {
    load_world(cpu, v, sources());
    l1(SysReg::CPTR_EL2, 0xc030'0000);
    cpu.registers[SysReg::CPACR_EL12] = 0x30'0000;  // TCPAC and TAM do not exist there
    switch_to_l2(cpu, v, args());
    EXPECT_EQ(file.get(SysReg::CPTR_EL2), 0xc030'0000u);
}

TEST_F(WorldSwitchTest, IdentityIsL1sInL2) {
    l1(SysReg::MIDR_EL1, 0x410f'd490);
    l1(SysReg::MPIDR_EL1, 0x8000'0001);
    l1(SysReg::VPIDR_EL2, 0x1234);
    l1(SysReg::VMPIDR_EL2, 7);
    enter_guest();
    EXPECT_EQ(hardware(SysReg::VPIDR_EL2), 0x1234u);
    EXPECT_EQ(hardware(SysReg::VMPIDR_EL2), 0x8000'0007u) << "bit 31 is RES1";
    switch_to_vel2(cpu, v, args());
    EXPECT_EQ(hardware(SysReg::VPIDR_EL2), 0x410f'd490u);
    EXPECT_EQ(hardware(SysReg::VMPIDR_EL2), 0x8000'0001u);
}

TEST_F(WorldSwitchTest, TrapControlsAreWrittenOnlyForADifference) {
    enter_guest();
    const u64 hcr = hardware(SysReg::HCR_EL2);
    switch_to_vel2(cpu, v, args());
    // Debug registers by FGT instead of TDA, and HPMN stays the host's.
    EXPECT_EQ(writes_of(SysReg::MDCR_EL2), 1u);
    EXPECT_EQ(hardware(SysReg::MDCR_EL2) & 0x1f, 6u);
    EXPECT_EQ(writes_of(SysReg::HDFGRTR_EL2), 1u);
    for (SysReg r : {SysReg::HSTR_EL2, SysReg::HCRX_EL2, SysReg::HFGRTR_EL2, SysReg::HFGWTR_EL2, SysReg::HFGITR_EL2,
                     SysReg::HAFGRTR_EL2})
        EXPECT_EQ(writes_of(r), 0u) << arch::name_of(r);
    switch_to_l2(cpu, v, args());
    EXPECT_EQ(hardware(SysReg::HCR_EL2), hcr);
}

TEST_F(WorldSwitchTest, WhatL1WritesWithoutAnExitActsInL2) {
    enter_guest();
    switch_to_vel2(cpu, v, args());
    // One bit of each register that l2_traps() reads. L1's writes leave no trace but the value.
    using M = arch::MDCR_EL2;
    const std::pair<SysReg, u64> writes[] = {
        {SysReg::HCR_EL2, H::TWE::kMask},  {SysReg::HCRX_EL2, 1 << 3},    {SysReg::CPTR_EL2, u64{1} << 31},
        {SysReg::MDCR_EL2, M::TDE::kMask}, {SysReg::HFGRTR_EL2, 1 << 7},  {SysReg::HFGWTR_EL2, 1 << 8},
        {SysReg::HFGITR_EL2, 1 << 9},      {SysReg::HDFGRTR_EL2, 1 << 1}, {SysReg::HDFGWTR_EL2, 1 << 2},
    };
    for (const auto& [reg, bit] : writes) {
        for (bool set : {true, false}) {
            const u64 before = file.get(reg);
            l1(reg, set ? before | bit : before & ~bit);
            switch_to_l2(cpu, v, args());
            const vhe::TrapConfig want = l2_traps(ours, config, file, true);
            EXPECT_EQ(hardware(SysReg::HCR_EL2), want.hcr.raw) << arch::name_of(reg);
            EXPECT_EQ(hardware(SysReg::CPTR_EL2), want.cptr.raw) << arch::name_of(reg);
            EXPECT_EQ(hardware(SysReg::MDCR_EL2), want.mdcr.raw | 6) << arch::name_of(reg);
            EXPECT_EQ(hardware(SysReg::HCRX_EL2), want.hcrx.raw) << arch::name_of(reg);
            EXPECT_EQ(hardware(SysReg::HFGRTR_EL2), want.hfgrtr.raw) << arch::name_of(reg);
            EXPECT_EQ(hardware(SysReg::HFGWTR_EL2), want.hfgwtr.raw) << arch::name_of(reg);
            EXPECT_EQ(hardware(SysReg::HFGITR_EL2), want.hfgitr.raw) << arch::name_of(reg);
            EXPECT_EQ(hardware(SysReg::HDFGRTR_EL2), want.hdfgrtr.raw) << arch::name_of(reg);
            EXPECT_EQ(hardware(SysReg::HDFGWTR_EL2), want.hdfgwtr.raw) << arch::name_of(reg);
            switch_to_vel2(cpu, v, args());
            EXPECT_EQ(hardware(SysReg::HFGITR_EL2), ours.hfgitr.raw) << "L1's controls do not apply to itself";
        }
    }
}

// A hypervisor without VHE changes them at each entry: for its own kernel, and for its guest.
TEST_F(WorldSwitchTest, TwoSetsOfL1sControlsActInTurn) {
    WorldTraps::Made before;
    for (const bool kept : {false, true}) {
        if (kept)
            v.world_traps.keep_before_in(before);
        add_hcr(H::TWE::kMask);
        enter_guest();
        switch_to_vel2(cpu, v, args());
        for (int round = 0; round < 3; round++)
            for (const bool own : {true, false}) {
                using G = arch::HFGRTR_EL2;
                l1(SysReg::HCR_EL2, (file.get(SysReg::HCR_EL2) & ~H::TWE::kMask) | (own ? 0 : H::TWE::kMask));
                l1(SysReg::HFGRTR_EL2, own ? 0 : 1);
                l1(SysReg::CPTR_EL2, own ? 0 : arch::CPTR_EL2::FPEN::kMask);
                switch_to_l2(cpu, v, args());
                EXPECT_EQ(hardware(SysReg::HCR_EL2) & H::TWE::kMask, own ? 0 : H::TWE::kMask) << kept << round;
                EXPECT_EQ(G::of(hardware(SysReg::HFGRTR_EL2)).raw & 1, own ? 0u : 1u);
                EXPECT_EQ((v.world_traps.l2_forwards_fp().bits & vhe::FpOpen::kFp) != 0, own);
                switch_to_vel2(cpu, v, args());
                EXPECT_EQ(G::of(hardware(SysReg::HFGRTR_EL2)).raw & 1, 0u);
            }
        // What they are merged with changes both.
        ours.hcr = ours.hcr.with<H::TACR>(kept);
        load_world(cpu, v, sources());
        l1(SysReg::HFGRTR_EL2, 0);
        switch_to_l2(cpu, v, args());
        EXPECT_EQ(v.traps().hcr.get<H::TACR>(), kept ? 1u : 0u);
        switch_to_vel2(cpu, v, args());
    }
}

TEST_F(WorldSwitchTest, ALoadMakesBothWorldsAnew) {
    enter_guest();
    ours.mdcr = ours.mdcr.with<arch::MDCR_EL2::TDE>(1);
    host.mdcr = arch::MDCR_EL2::of(4);  // another CPU
    load_world(cpu, v, sources());
    EXPECT_EQ(v.traps().mdcr.get<arch::MDCR_EL2::TDE>(), 1u);
    switch_to_vel2(cpu, v, args());
    EXPECT_EQ(v.traps().mdcr.get<arch::MDCR_EL2::TDE>(), 1u);
    EXPECT_EQ(v.traps().mdcr.get<arch::MDCR_EL2::HPMN>(), 4u);
}

TEST_F(WorldSwitchTest, NoFgtNoFgtRegister) {
    features.fgt = features.hcrx = features.amu = false;
    enter_guest();
    switch_to_vel2(cpu, v, args());
    switch_to_l2(cpu, v, args());
    for (SysReg r :
         {SysReg::HCRX_EL2, SysReg::HFGRTR_EL2, SysReg::HDFGRTR_EL2, SysReg::HDFGWTR_EL2, SysReg::HAFGRTR_EL2})
        EXPECT_EQ(writes_of(r), 0u) << arch::name_of(r);
}

TEST_F(WorldSwitchTest, FpTrapFollowsL1) {
    SwitchArgs a = args();
    a.fp_open = {vhe::FpOpen::kFp};
    load_world(cpu, v, sources());
    l1(SysReg::CPTR_EL2, 0);
    switch_to_l2(cpu, v, a);
    EXPECT_EQ(hardware(SysReg::CPTR_EL2) >> 20 & 3, 0u) << "L1 traps FP of L2: loaded or not, it must see it";
    switch_to_vel2(cpu, v, a);
    EXPECT_EQ(hardware(SysReg::CPTR_EL2) >> 20 & 3, 3u);
    l1(SysReg::CPTR_EL2, 1 << 20);
    switch_to_l2(cpu, v, a);
    EXPECT_EQ(hardware(SysReg::CPTR_EL2) >> 20 & 3, 3u);
    l1(SysReg::CPTR_EL2, 2 << 20);
    switch_to_vel2(cpu, v, a);
    switch_to_l2(cpu, v, a);
    EXPECT_EQ(hardware(SysReg::CPTR_EL2) >> 20 & 3, 0u) << "only the lower bit of FPEN counts with TGE clear";
}

TEST_F(WorldSwitchTest, VncrPageFollowsTheWorld) {
    load_world(cpu, v, sources());
    const u64 own = reinterpret_cast<u64>(file.page());
    EXPECT_EQ(hardware(SysReg::VNCR_EL2), own);
    switch_to_l2(cpu, v, args());
    switch_to_vel2(cpu, v, args());
    EXPECT_EQ(writes_of(SysReg::VNCR_EL2), 1u) << "only load_world(): an L2 without NV does not use it";
}

TEST_F(WorldSwitchTest, VirtualSerrorOfL2) {
    add_hcr(H::VSE::kMask | H::AMO::kMask);
    l1(SysReg::VSESR_EL2, 0x123);
    cpu.registers[SysReg::VDISR_EL2] = 0x77;
    enter_guest();
    EXPECT_TRUE(hardware(SysReg::HCR_EL2) & H::VSE::kMask);
    EXPECT_EQ(hardware(SysReg::VSESR_EL2), 0x123u);
    cpu.registers[SysReg::HCR_EL2] &= ~H::VSE::kMask;  // L2 took it
    cpu.registers[SysReg::VDISR_EL2] = 0x8000'0011;
    switch_to_vel2(cpu, v, args());
    EXPECT_FALSE(file.get(SysReg::HCR_EL2) & H::VSE::kMask);
    EXPECT_EQ(file.get(SysReg::VDISR_EL2), 0x8000'0011u);
    EXPECT_EQ(hardware(SysReg::VDISR_EL2), 0x77u) << "virtual EL2 has its own DISR_EL1 back";
}

// L2 executes MSR DISR_EL1: with HCR_EL2.AMO it writes VDISR_EL2. L1 reads DISR_EL1 at each exit of its guest, and would die of
// what it finds there.
TEST_F(WorldSwitchTest, L2sDeferredErrorIsNotL1s) {
    cpu.registers[SysReg::VDISR_EL2] = 0;
    enter_guest();
    cpu.registers[SysReg::VDISR_EL2] = 0x8000'0011;
    take_exception(cpu, v, Exception::sync(0x5a00'0000), args());
    EXPECT_EQ(hardware(SysReg::VDISR_EL2), 0u);
    EXPECT_EQ(file.get(SysReg::VDISR_EL2), 0x8000'0011u);
    switch_to_l2(cpu, v, args());
    EXPECT_EQ(hardware(SysReg::VDISR_EL2), 0x8000'0011u) << "L2 finds it again";
}

TEST_F(WorldSwitchTest, L1sDeferredErrorIsNotL2s) {
    cpu.registers[SysReg::VDISR_EL2] = 0x8000'0011;
    enter_guest();
    EXPECT_EQ(hardware(SysReg::VDISR_EL2), 0u);
    put_world(cpu, v);  // preempted in L2
    EXPECT_EQ(hardware(SysReg::VDISR_EL2), 0x8000'0011u) << "vhe::put() takes it for virtual EL2's";
    finish_load_world(cpu, v);
    EXPECT_EQ(hardware(SysReg::VDISR_EL2), 0u);
    switch_to_vel2(cpu, v, args());
    EXPECT_EQ(hardware(SysReg::VDISR_EL2), 0x8000'0011u);
}

TEST_F(WorldSwitchTest, WithoutRasThereIsNothingToExchange) {
    features.ras = false;
    add_hcr(H::VSE::kMask | H::AMO::kMask);
    enter_guest();
    switch_to_vel2(cpu, v, args());
    load_world(cpu, v, sources());
    switch_to_l2(cpu, v, args());
    EXPECT_TRUE(hardware(SysReg::HCR_EL2) & H::VSE::kMask);
    EXPECT_EQ(writes_of(SysReg::VDISR_EL2) + writes_of(SysReg::VSESR_EL2), 0u);
}

// L2 masks it; meanwhile an interrupt of L1's ends L2's time, by way of the host, whose HCR_EL2 has no VSE.
TEST_F(WorldSwitchTest, ASerrorOfL2sOutlivesTheHost) {
    add_hcr(H::VSE::kMask | H::AMO::kMask | H::IMO::kMask);
    enter_guest();
    sync_l2_serror(cpu, v);
    cpu.registers[SysReg::HCR_EL2] = H::mask<H::E2H, H::TGE, H::RW>();
    take_exception(cpu, v, Exception::interrupt(Vector::kIrq), {{}, false, true});
    EXPECT_TRUE(file.get(SysReg::HCR_EL2) & H::VSE::kMask);
}

TEST_F(WorldSwitchTest, ATakenSerrorIsNotInjectedTwice) {
    add_hcr(H::VSE::kMask | H::AMO::kMask);
    enter_guest();
    sync_l2_serror(cpu, v);
    EXPECT_TRUE(v.traps().hcr.get<H::VSE>()) << "still pending";
    cpu.registers[SysReg::HCR_EL2] &= ~H::VSE::kMask;
    sync_l2_serror(cpu, v);
    EXPECT_FALSE(v.traps().hcr.get<H::VSE>());
    EXPECT_FALSE(file.get(SysReg::HCR_EL2) & H::VSE::kMask);
}

// L1 may write HCR_EL2 as before, and nothing else: all that its registers are compared with was the first SError's.
TEST_F(WorldSwitchTest, TheNextSerrorIsInjected) {
    add_hcr(H::VSE::kMask | H::AMO::kMask);
    enter_guest();
    cpu.registers[SysReg::HCR_EL2] &= ~H::VSE::kMask;
    switch_to_vel2(cpu, v, args());
    EXPECT_FALSE(file.get(SysReg::HCR_EL2) & H::VSE::kMask);
    add_hcr(H::VSE::kMask);
    switch_to_l2(cpu, v, args());
    EXPECT_TRUE(hardware(SysReg::HCR_EL2) & H::VSE::kMask);
}

TEST_F(WorldSwitchTest, OurSerrorGoesWithEitherWorld) {
    SwitchArgs a = args();
    a.serror_pending = true;
    load_world(cpu, v, sources());
    switch_to_l2(cpu, v, a);
    EXPECT_TRUE(hardware(SysReg::HCR_EL2) & H::VSE::kMask);
    EXPECT_FALSE(v.traps().hcr.get<H::VSE>()) << "it is not L1's";
}

TEST_F(WorldSwitchTest, MdscrInHardwareFollowsTheCopy) {
    vhe::DebugEntry loaded{arch::MDSCR_EL1::of(0), nullptr};
    vhe::BreakpointBank bank{};
    EXPECT_TRUE(refresh_mdscr(cpu, loaded, {arch::MDSCR_EL1::of(0), nullptr}));
    EXPECT_TRUE(cpu.log.empty());
    EXPECT_TRUE(refresh_mdscr(cpu, loaded, {arch::MDSCR_EL1::of(0x1000), nullptr}));
    EXPECT_EQ(hardware(SysReg::MDSCR_EL1), 0x1000u);
    EXPECT_EQ(loaded.mdscr.raw, 0x1000u) << "deactivate() compares with this";
    EXPECT_FALSE(refresh_mdscr(cpu, loaded, {arch::MDSCR_EL1::of(0x8000), &bank}));
    EXPECT_EQ(hardware(SysReg::MDSCR_EL1), 0x1000u);
}

TEST_F(WorldSwitchTest, LoadAndPutOfTheThreadFollowTheWorld) {
    l1(SysReg::SCTLR_EL2, 0x22);
    l1(SysReg::SCTLR_EL1, 0x11);
    l1(SysReg::TPIDR_EL1, 0x77);
    load_world(cpu, v, sources());
    vhe::load(cpu, features, host, {context, file, v.traps(), v.in_vel2()});
    EXPECT_EQ(hardware(SysReg::SCTLR_EL12), 0x22u);
    EXPECT_EQ(hardware(SysReg::TPIDR_EL1), 0x77u);
    cpu.registers[SysReg::SCTLR_EL12] = 0x33;
    cpu.registers[SysReg::TPIDR_EL1] = 0x78;
    vhe::put(cpu, features, host, {context, file, v.traps(), v.in_vel2()});
    EXPECT_EQ(file.get(SysReg::SCTLR_EL2), 0x33u);
    EXPECT_EQ(file.get(SysReg::SCTLR_EL1), 0x11u);
    EXPECT_EQ(file.get(SysReg::TPIDR_EL1), 0x78u);
    // And as L2.
    v.set_world(World::kL2);
    l1(SysReg::VPIDR_EL2, 0x99);
    load_world(cpu, v, sources());
    vhe::load(cpu, features, host, {context, file, v.traps(), v.in_vel2()});
    finish_load_world(cpu, v);
    EXPECT_EQ(hardware(SysReg::SCTLR_EL12), 0x11u);
    EXPECT_EQ(hardware(SysReg::VPIDR_EL2), 0x99u);
}

}  // namespace
}  // namespace nest::nested
