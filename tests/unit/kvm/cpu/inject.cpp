// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/cpu/cpu.hpp>
#include <kvm/cpu/inject.hpp>
#include <kvm/one_reg/vcpu_events.hpp>
#include <tests/unit/kvm/cpu/fixture.hpp>

namespace nest::test {
namespace {

constexpr u64 kN = u64{1} << 31, kZ = u64{1} << 30, kC = u64{1} << 29, kV = u64{1} << 28, kTco = u64{1} << 25,
              kDit = u64{1} << 24, kUao = u64{1} << 23, kPan = u64{1} << 22, kSs = u64{1} << 21, kIl = u64{1} << 20,
              kSsbs = u64{1} << 12, kBtype = u64{3} << 10, kDaif = u64{0xf} << 6;
constexpr u64 kSpan = u64{1} << 23, kDssbs = u64{1} << 44;
constexpr u64 kQ = u64{1} << 27, kGe = u64{0xf} << 16, kIt = u64{0xfc00} | u64{3} << 25, kE = u64{1} << 9;
constexpr u64 kT = u64{1} << 5;

struct Case {
    const char* name;
    u64 pstate;
    u64 sctlr;
    u64 now;     // PSTATE in the handler
    u64 offset;  // from VBAR_EL1
};
constexpr Case kCases[] = {
    {"EL1h, nothing set", 0x5, kSpan, kDaif | 5, 0x200},
    {"EL1t", 0x4, kSpan, kDaif | 5, 0x000},
    {"EL0t", 0x0, kSpan, kDaif | 5, 0x400},
    {"AArch32 user", 0x10, kSpan, kDaif | 5, 0x600},
    {"flags stay", kN | kZ | kC | kV | 5, kSpan, kN | kZ | kC | kV | kDaif | 5, 0x200},
    {"DIT and PAN stay", kDit | kPan | 5, kSpan, kDit | kPan | kDaif | 5, 0x200},
    {"SPAN 0 sets PAN", 0, 0, kPan | kDaif | 5, 0x400},
    {"UAO, SS, IL, BTYPE, TCO are cleared", kUao | kSs | kIl | kBtype | kTco | 5, kSpan, kDaif | 5, 0x200},
    {"SSBS goes by DSSBS: 0", kSsbs | 5, kSpan, kDaif | 5, 0x200},
    {"SSBS goes by DSSBS: 1", 5, kSpan | kDssbs, kSsbs | kDaif | 5, 0x200},
    {"masks are all set", 0x3c5, kSpan, kDaif | 5, 0x200},
    {"AArch32's own bits vanish", kC | kQ | kGe | kIt | kE | kT | 0x10, kSpan, kC | kDaif | 5, 0x600},
};

TEST(Inject, PstateAndVector) {
    for (const Case& c : kCases) {
        SCOPED_TRACE(c.name);
        Machine m;
        m->write(SysReg::VBAR_EL1, 0xffff'8000'1000'0800);
        m->write(SysReg::SCTLR_EL1, c.sctlr);
        m->context.pstate = c.pstate;
        m->context.pc = 0x4000'1234;
        enter_here(*m, Vector::kSync);
        EXPECT_EQ(m->context.pstate, c.now);
        EXPECT_EQ(m->context.pc, 0xffff'8000'1000'0800 + c.offset);
        EXPECT_EQ(m->read(SysReg::SPSR_EL1), c.pstate);
        EXPECT_EQ(m->read(SysReg::ELR_EL1), 0x4000'1234u);
    }
}

TEST(Inject, VectorsByKind) {
    for (Vector v : {Vector::kSync, Vector::kIrq, Vector::kFiq, Vector::kSerror}) {
        Machine m;
        m->context.pstate = 0;
        enter_here(*m, v);
        EXPECT_EQ(m->context.pc, 0x400 + static_cast<u64>(v));
    }
}

TEST(Inject, TheVmmsStepBitIsNotTheGuests) {
    Machine m;
    m->debug.step_state_replaced = true;
    m->context.pstate = 5 | kSs;  // the VMM steps
    m->debug.saved_pstate_ss = 0;
    enter_here(*m, Vector::kSync);
    EXPECT_EQ(m->read(SysReg::SPSR_EL1) & kSs, 0u);
    m->context.pstate = 5;  // the step is pending, the guest itself has SS set
    m->debug.saved_pstate_ss = kSs;
    enter_here(*m, Vector::kSync);
    EXPECT_EQ(m->read(SysReg::SPSR_EL1) & kSs, kSs);
    EXPECT_EQ(m->debug.saved_pstate_ss, 0u);
}

TEST(Inject, Undefined) {
    Machine m;
    m->context.pstate = 0;
    inject_undefined(*m);
    EXPECT_EQ(m->read(SysReg::ESR_EL1), u64{1} << 25);
}

TEST(Inject, Aborts) {
    struct {
        bool data;
        u64 pstate;
        AbortKind kind;
        int level;
        u64 esr;
    } const cases[] = {
        {true, 5, AbortKind::kExternal, 0, 0x9600'0010},
        {true, 0, AbortKind::kExternal, 0, 0x9200'0010},
        {true, 0x10, AbortKind::kExternal, 0, 0x9200'0010},
        {true, 4, AbortKind::kExternalOnWalk, 3, 0x9600'0017},
        {true, 4, AbortKind::kExternalOnWalk, -1, 0x9600'0013},
        {true, 5, AbortKind::kAddressSize, 0, 0x9600'0000},
        {true, 5, AbortKind::kExclusiveAtomic, 0, 0x9600'0035},
        {false, 5, AbortKind::kExternal, 0, 0x8600'0010},
        {false, 0, AbortKind::kAddressSize, 0, 0x8200'0000},
        {false, 0, AbortKind::kExternalOnWalk, 1, 0x8200'0015},
    };
    for (const auto& c : cases) {
        Machine m;
        m->context.pstate = c.pstate;
        (c.data ? inject_data_abort : inject_prefetch_abort)(*m, 0xdead'b000, c.kind, c.level);
        EXPECT_EQ(m->read(SysReg::ESR_EL1), c.esr) << std::hex << c.esr;
        EXPECT_EQ(m->read(SysReg::FAR_EL1), 0xdead'b000u);
    }
}

TEST(Inject, SerrorAtOnceOrLater) {
    Machine m;
    m->context.pstate = 0x5;
    inject_serror(*m, 0x1234);
    EXPECT_FALSE(m->serror.pending);
    EXPECT_EQ(m->read(SysReg::ESR_EL1), 0xbe00'1234u);
    EXPECT_EQ(m->context.pc, 0x380u);
    EXPECT_EQ(m->context.pstate & kDaif, kDaif);
    inject_serror(*m, 0xff00'5678);
    EXPECT_TRUE(m->serror.pending) << "SErrors are masked in the handler";
    EXPECT_EQ(m->serror.syndrome, 0x0100'5678u);
    EXPECT_EQ(m->context.pc, 0x380u);
}

// Exceptions go where the registers are.
TEST(Inject, IntoHardware) {
    Machine m;
    cpu().registers.clear();
    cpu().registers[SysReg::VBAR_EL12] = 0x7000;
    cpu().registers[SysReg::SCTLR_EL12] = kSpan;
    m->residence = Residence::kHardware;
    m->context.pc = 0x88;
    inject_undefined(*m);
    EXPECT_EQ(m->context.pc, 0x7200u);
    EXPECT_EQ(cpu().registers[SysReg::ELR_EL12], 0x88u);
    EXPECT_EQ(cpu().registers[SysReg::ESR_EL12], u64{1} << 25);
    EXPECT_EQ(cpu().registers[SysReg::SPSR_EL12], 0x3c5u);
    EXPECT_EQ(m->regs.get(SysReg::ELR_EL1), 0u);
}

TEST(VcpuEvents, Pending) {
    Machine m;
    abi::VcpuEvents events = get_vcpu_events(*m, true);
    EXPECT_EQ(events.serror_pending, 0);
    EXPECT_EQ(events.serror_has_esr, 1);
    events = {};
    events.serror_pending = events.serror_has_esr = 1;
    events.serror_esr = 0x1ff'ffff;
    EXPECT_OK(check_vcpu_events(events, true));
    set_vcpu_events(*m, events, false);  // PSTATE.A is set after reset
    events = get_vcpu_events(*m, true);
    EXPECT_EQ(events.serror_pending, 1);
    EXPECT_EQ(events.serror_esr, 0x1ff'ffffu);
    EXPECT_EQ(get_vcpu_events(*m, false).serror_esr, 0u);
    EXPECT_EQ(get_vcpu_events(*m, false).serror_has_esr, 0);
}

TEST(VcpuEvents, Refused) {
    Machine m;
    abi::VcpuEvents events{};
    events.serror_pending = events.serror_has_esr = 1;
    EXPECT_ERRNO(check_vcpu_events(events, false), kInval);
    events.serror_esr = 0x200'0000;
    EXPECT_ERRNO(check_vcpu_events(events, true), kInval);
    events.serror_pending = 0;  // then the rest is not looked at
    EXPECT_OK(check_vcpu_events(events, false));
    for (u8& byte : events.pad) {
        byte = 1;
        EXPECT_ERRNO(check_vcpu_events(events, true), kInval);
        byte = 0;
    }
    for (u32& word : events.reserved) {
        word = 1u << 31;
        EXPECT_ERRNO(check_vcpu_events(events, true), kInval);
        word = 0;
    }
    events = {};
    events.serror_pending = 1;
    EXPECT_OK(check_vcpu_events(events, false));
    set_vcpu_events(*m, events, false);
    EXPECT_EQ(m->serror.syndrome, kSerrorImplementationDefined);
}

TEST(VcpuEvents, ExternalAbort) {
    Machine m;
    m->context.pstate = 0x5;
    m->context.far = 0x900'0000;
    m->context.pc = 0x100;
    abi::VcpuEvents events{};
    events.ext_dabt_pending = 1;
    events.serror_pending = 1;  // taken second, in the abort's handler, which masks it
    set_vcpu_events(*m, events, false);
    EXPECT_EQ(m->read(SysReg::ESR_EL1), 0x9600'0010u);
    EXPECT_EQ(m->read(SysReg::FAR_EL1), 0x900'0000u);
    EXPECT_EQ(m->read(SysReg::ELR_EL1), 0x100u);
    EXPECT_TRUE(m->serror.pending);
    EXPECT_EQ(get_vcpu_events(*m, true).ext_dabt_pending, 0);
}

}  // namespace
}  // namespace nest::test
