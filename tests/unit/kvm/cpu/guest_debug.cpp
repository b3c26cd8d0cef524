// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/cpu/guest_debug.hpp>
#include <kvm/cpu/instruction_skip.hpp>
#include <tests/unit/kvm/cpu/fixture.hpp>

namespace nest::test {
namespace {

using namespace abi;
constexpr u64 kSs = u64{1} << 21;
constexpr u64 kMde = 0x8000, kKde = 0x2000, kTdcc = 0x1000;

struct GuestDebugTest : testing::Test {
    Status request(u32 control) {
        GuestDebug g{};
        g.control = control;
        for (unsigned i = 0; i < 16; i++) {
            g.bcr[i] = 100 + i;
            g.bvr[i] = 200 + i;
            g.wcr[i] = 300 + i;
            g.wvr[i] = 400 + i;
        }
        return set_guest_debug(*m, g);
    }
    void exit_with(u64 ec) { m->context.esr = ec << 26 | 1 << 25; }
    Machine m;
    abi::Run run{};
};

TEST_F(GuestDebugTest, UnknownFlagsAreRefused) {
    constexpr u32 known = 0x3'0003;
    for (unsigned bit = 0; bit < 32; bit++)
        EXPECT_EQ(error_of(request(1u << bit)), known >> bit & 1 ? Errno{} : Errno::kInval) << bit;
}

TEST_F(GuestDebugTest, OffWithoutEnable) {
    EXPECT_OK(request(KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_SW_BP));
    EXPECT_NE(m->debug.control, 0u);
    EXPECT_OK(request(KVM_GUESTDBG_SINGLESTEP));
    EXPECT_EQ(m->debug.control, 0u);
}

TEST_F(GuestDebugTest, TheGuestsOwn) {
    auto entry = debug_entry(*m);
    EXPECT_EQ(entry.mdscr.raw, 0u);
    EXPECT_EQ(entry.bank, nullptr);
    for (u64 enable : {kMde, kKde, kMde | kKde | 1}) {
        m->regs.set(SysReg::MDSCR_EL1, enable | kTdcc);
        entry = debug_entry(*m);
        EXPECT_EQ(entry.mdscr.raw, enable | kTdcc);
        EXPECT_EQ(entry.bank, &m->debug.guest);
    }
    m->regs.set(SysReg::MDSCR_EL1, 1);  // software step alone needs no bank
    EXPECT_EQ(debug_entry(*m).bank, nullptr);
    EXPECT_EQ(debug_entry(*m).mdscr.raw, 1u);
}

TEST_F(GuestDebugTest, OsLockMasks) {
    m->regs.set(SysReg::MDSCR_EL1, kMde | kKde | kTdcc | 1);
    m->debug.os_lock = true;
    auto entry = debug_entry(*m);
    EXPECT_EQ(entry.mdscr.raw, kTdcc);
    EXPECT_EQ(entry.bank, nullptr);
    EXPECT_EQ(m->regs.get(SysReg::MDSCR_EL1), kMde | kKde | kTdcc | 1) << "the guest sees its own value";
}

TEST_F(GuestDebugTest, TheVmms) {
    m->regs.set(SysReg::MDSCR_EL1, kMde | 1 | kTdcc);
    EXPECT_OK(request(KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_SW_BP));
    EXPECT_EQ(debug_entry(*m).mdscr.raw, kTdcc);
    EXPECT_EQ(debug_entry(*m).bank, nullptr);
    EXPECT_OK(request(KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW));
    EXPECT_EQ(debug_entry(*m).mdscr.raw, kMde | kKde | kTdcc);
    ASSERT_EQ(debug_entry(*m).bank, &m->debug.vmm);
    EXPECT_EQ(m->debug.vmm.bcr[3], 103u);
    EXPECT_EQ(m->debug.vmm.bvr[3], 203u);
    EXPECT_EQ(m->debug.vmm.wcr[15], 315u);
    EXPECT_EQ(m->debug.vmm.wvr[15], 415u);
    EXPECT_OK(request(KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP));
    EXPECT_EQ(debug_entry(*m).mdscr.raw, kTdcc | 1);
}

TEST_F(GuestDebugTest, SteppingTakesTheStepBitAndGivesItBack) {
    for (u64 guests : {u64{0}, kSs}) {
        m->context.pstate = 5 | guests;
        EXPECT_OK(request(KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP));
        enter_guest_debug(*m);
        EXPECT_EQ(m->context.pstate, 5 | kSs);
        enter_guest_debug(*m);  // again: nothing
        EXPECT_EQ(m->debug.saved_pstate_ss, guests);
        exit_with(0x32);
        m->context.pstate = 5;  // one instruction was executed
        EXPECT_TRUE(report_debug_exit(*m, run));
        leave_guest_debug(*m);
        EXPECT_EQ(m->context.pstate, 5 | guests);
        EXPECT_FALSE(m->debug.step_pending) << "this step has been reported";
        leave_guest_debug(*m);
        EXPECT_EQ(m->context.pstate, 5 | guests);
    }
}

// The VMM completes an instruction between two KVM_RUNs, or a signal came after the kernel did: it was the step.
TEST_F(GuestDebugTest, AnEmulatedStepStaysPending) {
    EXPECT_OK(request(KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP));
    m->context.pstate = 5 | kSs;
    enter_guest_debug(*m);
    skip_instruction(*m);
    leave_guest_debug(*m);
    EXPECT_EQ(m->context.pstate, 5 | kSs);
    EXPECT_TRUE(m->debug.step_pending);
    enter_guest_debug(*m);
    EXPECT_EQ(m->context.pstate, 5u) << "the exception comes before the next instruction";
    leave_guest_debug(*m);
    EXPECT_OK(request(0));
    EXPECT_FALSE(m->debug.step_pending);
}

TEST_F(GuestDebugTest, AnEmulatedStepIsReported) {
    EXPECT_FALSE(report_emulated_step(*m, run));
    EXPECT_OK(request(KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP));
    enter_guest_debug(*m);
    EXPECT_FALSE(report_emulated_step(*m, run)) << "nothing was executed yet";
    skip_instruction(*m);
    EXPECT_TRUE(report_emulated_step(*m, run));
    EXPECT_EQ(run.exit_reason, KVM_EXIT_DEBUG);
    EXPECT_EQ(run.debug.hsr >> 26, 0x32u);
    leave_guest_debug(*m);
    EXPECT_FALSE(m->debug.step_pending);
}

TEST_F(GuestDebugTest, TurningItOffGivesBack) {
    m->context.pstate = 5;
    EXPECT_OK(request(KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP));
    enter_guest_debug(*m);
    EXPECT_OK(request(KVM_GUESTDBG_ENABLE));
    enter_guest_debug(*m);
    EXPECT_EQ(m->context.pstate, 5u);
    EXPECT_FALSE(m->debug.step_pending);
}

TEST_F(GuestDebugTest, Exits) {
    exit_with(0x30);
    EXPECT_FALSE(report_debug_exit(*m, run)) << "nobody debugs";
    EXPECT_OK(request(KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW));
    m->context.far = 0x1234;
    for (u64 ec : {0x30, 0x34, 0x38, 0x3c}) {
        run = {};
        exit_with(ec);
        m->context.esr |= u64{5} << 32;
        EXPECT_TRUE(report_debug_exit(*m, run));
        EXPECT_EQ(run.exit_reason, KVM_EXIT_DEBUG);
        EXPECT_EQ(run.flags, KVM_DEBUG_ARCH_HSR_HIGH_VALID);
        EXPECT_EQ(run.debug.hsr, ec << 26 | 1 << 25);
        EXPECT_EQ(run.debug.hsr_high, 5u);
        EXPECT_EQ(run.debug.far, ec == 0x34 ? 0x1234u : 0u) << "FAR is a watchpoint's";
    }
}

}  // namespace
}  // namespace nest::test
