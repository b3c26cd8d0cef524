// SPDX-License-Identifier: GPL-2.0-only
// Every row of the routing table both ways, and the exits that are no system register.
#include <nested/cpu/trap_routing.hpp>
#include <tests/unit/nested/vel2/fixture.hpp>

namespace nest::nested {
namespace {

using H = arch::HCR_EL2;
using M = arch::MDCR_EL2;
using G = arch::ICH_HCR_EL2;
using T = arch::CNTHCTL_EL2;
using arch::CPTR_EL2;
using arch::Ec;
using arch::Encoding;
using arch::encode;

constexpr u64 esr_of(Ec ec, u64 iss = 0) { return static_cast<u64>(ec) << 26 | 1 << 25 | iss; }

// The table again, as the test needs it.
struct Control {
    const char* name;
    SysReg reg;
    u64 read, write;
    bool clear, host;
};
constexpr bool kSet = false, kClear = true;
constexpr Control kControls[] = {
#define CONTROL(name, reg, read, write, sense, host) {#name, SysReg::reg, (read), (write), sense, host},
#include <nested/cpu/trap_controls.def>
#undef CONTROL
};
struct Row {
    const char* name;
    Encoding first, last;
    const char* control;
    const char* fgt;
    unsigned bit;
    Feature feature;
};
const Row kRows[] = {
#define ROUTE(name, op0, op1, crn, crm, op2, last_crm, last_op2, control, fgt, bit, feature) \
    {name,                                                                                   \
     encode(op0, op1, crn, crm, op2),                                                        \
     encode(op0, op1, crn, last_crm, last_op2),                                              \
     #control,                                                                               \
     #fgt,                                                                                   \
     bit,                                                                                    \
     Feature::feature},
#include <nested/cpu/trap_routing.def>
#undef ROUTE
};
const Control* control_of(const Row& row) {
    for (const Control& c : kControls)
        if (std::string(c.name) == row.control)
            return &c;
    return nullptr;
}

struct Routing : Vel2Test {
    explicit Routing(Features f = every_feature()) : Vel2Test(f) {
        v.set_world(World::kL2);
        context.pstate = arch::kModeEL1h;
        quiet();
    }
    // L1 traps nothing at all.
    void quiet() {
        for (const Control& c : kControls)
            l1(c.reg, 0);
        for (SysReg r :
             {SysReg::HFGRTR_EL2, SysReg::HFGWTR_EL2, SysReg::HFGITR_EL2, SysReg::HDFGRTR_EL2, SysReg::HDFGWTR_EL2})
            l1(r, 0);
        for (const Control& c : kControls)
            if (c.clear)
                l1(c.reg, file.get(c.reg) | c.read | c.write);
        l1(CPTR_EL2{}.with<CPTR_EL2::FPEN>(3));
    }
    Route sysreg(Encoding e, bool is_read) { return route(v, sysreg_esr(e, is_read)); }
    // With each bit of the control's register alone, set or cleared: those of its masks trap, and no others.
    void expect_each_bit(const Row& row, const Control& c, Encoding e, bool is_read) {
        const u64 mask = is_read ? c.read : c.write;
        for (unsigned i = 0; i < 64; i++) {
            const u64 bit = u64{1} << i;
            quiet();
            if (c.clear && !(mask & bit))
                continue;
            l1(c.reg, c.clear ? file.get(c.reg) & ~bit : file.get(c.reg) | bit);
            // A bit that the masks leave out cannot trap; IMO and the like are all in.
            const bool exists = config.masks.apply(c.reg, bit) & bit & ~config.masks.apply(c.reg, 0);
            const bool traps = c.clear || (mask & bit && exists);
            const bool memory = v.hcr().get<H::NV>() && std::string(row.name) == "ACTLR_EL1";
            EXPECT_EQ(sysreg(e, is_read), traps ? Route::kForward : memory ? Route::kVncr : Route::kOurs)
                << row.name << " " << row.control << " bit " << i << " read " << is_read;
        }
    }
};

TEST_F(Routing, RowsByTheirControl) {
    for (const Row& row : kRows) {
        const Control* c = control_of(row);
        for (Encoding e : {row.first, row.last})
            for (bool is_read : {false, true}) {
                quiet();
                EXPECT_EQ(sysreg(e, is_read), Route::kOurs) << row.name << is_read;
                if (c)
                    expect_each_bit(row, *c, e, is_read);
            }
    }
}

TEST_F(Routing, RowsByTheirFineGrainedBit) {
    for (const Row& row : kRows) {
        const std::string fgt = row.fgt;
        if (fgt == "None")
            continue;
        for (bool is_read : {false, true}) {
            const SysReg reg = fgt == "Itr"   ? SysReg::HFGITR_EL2
                               : fgt == "Reg" ? (is_read ? SysReg::HFGRTR_EL2 : SysReg::HFGWTR_EL2)
                                              : (is_read ? SysReg::HDFGRTR_EL2 : SysReg::HDFGWTR_EL2);
            for (unsigned i = 0; i < 64; i++) {
                quiet();
                l1(reg, u64{1} << i);
                const bool exists = config.masks.apply(reg, u64{1} << i);
                EXPECT_EQ(sysreg(row.first, is_read), i == row.bit && exists ? Route::kForward : Route::kOurs)
                    << row.name << " bit " << i << " read " << is_read;
            }
        }
    }
}

TEST_F(Routing, EveryFineGrainedBitHasARow) {
    // What L1 can set must do something: all bits that exist, but those of exceptions with another class.
    for (SysReg reg :
         {SysReg::HFGRTR_EL2, SysReg::HFGWTR_EL2, SysReg::HFGITR_EL2, SysReg::HDFGRTR_EL2, SysReg::HDFGWTR_EL2}) {
        u64 left = config.masks.apply(reg, ~u64{0});
        if (reg == SysReg::HFGITR_EL2)
            left &= ~(u64{7} << 51);  // ERET, SVC_EL0, SVC_EL1
        for (const Row& row : kRows) {
            const std::string fgt = row.fgt;
            if ((fgt == "Itr" && reg == SysReg::HFGITR_EL2) ||
                (fgt == "Reg" && (reg == SysReg::HFGRTR_EL2 || reg == SysReg::HFGWTR_EL2)) ||
                (fgt == "Debug" && (reg == SysReg::HDFGRTR_EL2 || reg == SysReg::HDFGWTR_EL2)))
                left &= ~(u64{1} << row.bit);
        }
        if (reg == SysReg::HDFGRTR_EL2 || reg == SysReg::HDFGWTR_EL2)
            left &= ~u64{0xf};  // breakpoint registers, by rule
        EXPECT_EQ(left, 0u) << arch::name_of(reg);
    }
}

TEST_F(Routing, BreakpointRegisters) {
    const unsigned bits[] = {1, 0, 3, 2};  // BVR, BCR, WVR, WCR
    for (unsigned n : {0u, 15u})
        for (unsigned op2 = 4; op2 < 8; op2++) {
            quiet();
            EXPECT_EQ(sysreg(encode(2, 0, 0, n, op2), false), Route::kOurs);
            l1(SysReg::HDFGWTR_EL2, u64{1} << bits[op2 - 4]);
            EXPECT_EQ(sysreg(encode(2, 0, 0, n, op2), false), Route::kForward);
            EXPECT_EQ(sysreg(encode(2, 0, 0, n, op2), true), Route::kOurs);
            l1(M{}.with<M::TDA>(1));
            EXPECT_EQ(sysreg(encode(2, 0, 0, n, op2), true), Route::kForward);
        }
}

TEST_F(Routing, NxsTlbiHasItsOwnSwitch) {
    const Encoding vmalle1isnxs = encode(1, 0, 9, 3, 0);
    EXPECT_EQ(sysreg(vmalle1isnxs, false), Route::kOurs);
    l1(SysReg::HFGITR_EL2, u64{1} << 28);
    EXPECT_EQ(sysreg(vmalle1isnxs, false), Route::kForward);
    l1(SysReg::HCRX_EL2, 0x10);
    EXPECT_EQ(sysreg(vmalle1isnxs, false), Route::kOurs) << "FGTnXS";
    EXPECT_EQ(sysreg(encode(1, 0, 8, 3, 0), false), Route::kForward);
    add_hcr(H::TTLB::kMask);
    EXPECT_EQ(sysreg(vmalle1isnxs, false), Route::kForward);
}

TEST_F(Routing, El2NamesOfAHypervisorInL2) {
    const Encoding all[] = {encode(3, 4, 1, 1, 0), encode(3, 5, 1, 0, 0), encode(1, 4, 8, 7, 6), encode(3, 5, 14, 3, 1),
                            encode(1, 4, 7, 8, 4)};
    for (Encoding e : all) {
        quiet();
        EXPECT_EQ(sysreg(e, false), Route::kOurs) << "as for any EL1: UNDEFINED";
        add_hcr(H::NV::kMask);
        EXPECT_NE(sysreg(e, false), Route::kOurs) << "L1's, or memory: vncr.cpp";
    }
}

TEST_F(Routing, SgiByEitherControl) {
    l1(SysReg::ICH_HCR_EL2, G::TC::kMask);
    EXPECT_EQ(sysreg(arch::encoding_of(SysReg::ICC_SGI1R_EL1), false), Route::kForward);
    EXPECT_EQ(sysreg(arch::encoding_of(SysReg::ICC_EOIR1_EL1), false), Route::kOurs);
}

TEST_F(Routing, OtherClasses) {
    EXPECT_EQ(route(v, esr_of(Ec::kHvc64)), Route::kForward);
    EXPECT_EQ(route(v, esr_of(Ec::kDataAbortLower, 7)), Route::kStage2);
    EXPECT_EQ(route(v, esr_of(Ec::kInstrAbortLower, 7)), Route::kStage2);
    struct Case {
        u64 esr;
        SysReg reg;
        u64 bit;
    };
    const Case cases[] = {
        {esr_of(Ec::kWfx, 0), SysReg::HCR_EL2, H::TWI::kMask},
        {esr_of(Ec::kWfx, 1), SysReg::HCR_EL2, H::TWE::kMask},
        {esr_of(Ec::kWfx, 2), SysReg::HCR_EL2, H::TWI::kMask},
        {esr_of(Ec::kWfx, 3), SysReg::HCR_EL2, H::TWE::kMask},
        {esr_of(Ec::kSmc64), SysReg::HCR_EL2, H::TSC::kMask},
        {esr_of(Ec::kSvc64), SysReg::HFGITR_EL2, u64{1} << 53},
        {esr_of(Ec::kEret), SysReg::HFGITR_EL2, u64{1} << 51},
        {esr_of(Ec::kEret), SysReg::HCR_EL2, H::NV::kMask},
        {esr_of(Ec::kBrk64), SysReg::MDCR_EL2, M::TDE::kMask},
        {esr_of(Ec::kWatchpointLower), SysReg::MDCR_EL2, M::TDE::kMask},
        {esr_of(Ec::kSoftStepLower), SysReg::MDCR_EL2, M::TDE::kMask},
        {esr_of(Ec::kMops), SysReg::HCRX_EL2, arch::HCRX_EL2::MCE2::kMask},
    };
    for (const Case& c : cases) {
        quiet();
        EXPECT_EQ(route(v, c.esr), Route::kOurs) << std::hex << c.esr;
        l1(c.reg, file.get(c.reg) | c.bit);
        EXPECT_EQ(route(v, c.esr), Route::kForward) << std::hex << c.esr;
    }
    quiet();
    context.pstate = arch::kModeEL0t;
    l1(SysReg::HFGITR_EL2, u64{1} << 53);
    EXPECT_EQ(route(v, esr_of(Ec::kSvc64)), Route::kOurs) << "SVC_EL1 is not EL0's";
    l1(SysReg::HFGITR_EL2, u64{1} << 52);
    EXPECT_EQ(route(v, esr_of(Ec::kSvc64)), Route::kForward);
    l1(CPTR_EL2{}.with<CPTR_EL2::FPEN>(2));
    EXPECT_EQ(route(v, esr_of(Ec::kFpAccess)), Route::kForward);
    l1(CPTR_EL2{}.with<CPTR_EL2::FPEN>(1));
    EXPECT_EQ(route(v, esr_of(Ec::kFpAccess)), Route::kOurs);
    add_hcr(H::API::kMask);
    EXPECT_EQ(route(v, esr_of(Ec::kPauth)), Route::kOurs);
    l1(SysReg::HCR_EL2, 0);
    EXPECT_EQ(route(v, esr_of(Ec::kPauth)), Route::kForward);
}

TEST_F(Routing, Vel2ItselfIsNotUnderItsOwnControls) {
    at(arch::kModeEL2h);
    l1(SysReg::HCR_EL2, ~u64{0} & ~H::TGE::kMask);
    l1(SysReg::MDCR_EL2, ~u64{0});
    EXPECT_EQ(route(v, esr_of(Ec::kHvc64)), Route::kForward);
    EXPECT_EQ(route(v, esr_of(Ec::kSmc64)), Route::kOurs);
    EXPECT_EQ(route(v, esr_of(Ec::kEret)), Route::kOurs);
    EXPECT_EQ(route(v, esr_of(Ec::kWfx)), Route::kOurs);
    l1(SysReg::HCRX_EL2, ~u64{0});
    EXPECT_EQ(route(v, esr_of(Ec::kMops)), Route::kOurs);
    EXPECT_EQ(route(v, esr_of(Ec::kDataAbortLower)), Route::kStage2);
    EXPECT_EQ(sysreg(arch::encoding_of(SysReg::PMCR_EL0), true), Route::kOurs);
    EXPECT_EQ(sysreg(arch::encoding_of(SysReg::HCR_EL2), true), Route::kOurs);
    // Its user space under TGE: the counters, which are the exception, and nothing else.
    add_hcr(H::TGE::kMask);
    at(arch::kModeEL0t);
    v.settle_world();
    EXPECT_EQ(sysreg(arch::encoding_of(SysReg::PMCR_EL0), true), Route::kForward);
    EXPECT_EQ(sysreg(arch::encoding_of(SysReg::CTR_EL0), true), Route::kOurs);
}

struct FewFeatures : Routing {
    FewFeatures() : Routing(Features{}) {}
};
TEST_F(FewFeatures, WhatTheVmDoesNotHaveIsUndefined) {
    add_hcr(H::TTLB::kMask);
    for (const Row& row : kRows)
        if (row.feature != Feature::kAlways) {
            EXPECT_EQ(sysreg(row.first, false), Route::kUndefined) << row.name;
        }
    EXPECT_EQ(sysreg(encode(1, 0, 9, 3, 0), false), Route::kUndefined) << "nXS";
    EXPECT_EQ(route(v, esr_of(Ec::kPauth)), Route::kUndefined);
}
// Without FEAT_DoubleLock the register stays, RAZ/WI ([DDI0487] ID_AA64DFR0_EL1.DoubleLock); every Linux writes it.
TEST_F(FewFeatures, OsDoubleLockIsNeverUndefined) {
    EXPECT_EQ(sysreg(arch::encoding_of(SysReg::OSDLR_EL1), false), Route::kOurs);
    l1(SysReg::MDCR_EL2, arch::MDCR_EL2::TDOSA::kMask);
    EXPECT_EQ(sysreg(arch::encoding_of(SysReg::OSDLR_EL1), false), Route::kForward);
}

}  // namespace
}  // namespace nest::nested
