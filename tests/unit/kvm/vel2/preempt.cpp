// SPDX-License-Identifier: GPL-2.0-only
// Interrupts for L1 while L2 runs: by which vector it takes them, and which are none of its business.
#include <kvm/tier0/enter.hpp>
#include <kvm/vel2/entry.hpp>
#include <nested/vel2/trap_merge.hpp>
#include <tests/unit/kvm/nested/fixture.hpp>

namespace nest::kvm {
namespace {

using H = arch::HCR_EL2;
using vhe::ExitKind;
using vhe::GuestContext;
constexpr u32 kIrqPin = 1u << abi::KVM_ARM_IRQ_CPU_IRQ, kFiqPin = 1u << abi::KVM_ARM_IRQ_CPU_FIQ;
constexpr u64 kLower = 0xffff'0400, kIrq = kLower + 0x80, kFiq = kLower + 0x100, kStays = 0x1000;

// A VM whose interrupt controller is its VMM's: two lines (KVM_IRQ_LINE).
struct PreemptTest : NestedVmTest {
    struct Seen {
        u64 pc;
        u64 hcr;
    };
    Seen run_l2(u64 hcr, u32 pins, u64 pstate = arch::kModeEL1h) {
        enter_l2();
        set_hcr(H::VM::kMask | hcr);
        core().context.pc = kStays;
        core().context.pstate = pstate;
        core().irq_pins.store_relaxed(pins);
        core().vel2.world_traps.make(trap_sources(core()), core().vel2.config(), core().regs, core().vel2.form());  // as load() does
        Seen seen{};
        guest_does({[&](GuestContext& c) {
            seen = {c.pc, cpu().registers[SysReg::HCR_EL2]};
            test::port().signal_pending = test::port().entry_blocked = true;
            return ExitKind::kIrq;
        }});
        test::port().signal_pending = test::port().entry_blocked = false;
        EXPECT_EQ(ioctl(abi::KVM_RUN), -4);
        return seen;
    }
};

TEST_F(PreemptTest, EachLineByItsVector) {
    constexpr u64 kBoth = H::mask<H::IMO, H::FMO>();
    EXPECT_EQ(run_l2(kBoth, 0).pc, kStays);
    EXPECT_EQ(run_l2(kBoth, kIrqPin).pc, kIrq);
    EXPECT_EQ(run_l2(kBoth, kFiqPin).pc, kFiq);
    EXPECT_EQ(run_l2(kBoth, kFiqPin | kIrqPin).pc, kFiq);
    EXPECT_TRUE(core().vel2.in_vel2());
}

TEST_F(PreemptTest, PstateOfL2DoesNotMaskThem) {
    constexpr u64 kMasked = arch::kModeEL1h | 0x3c0;
    EXPECT_EQ(run_l2(H::FMO::kMask, kFiqPin, kMasked).pc, kFiq);
    EXPECT_EQ(run_l2(H::IMO::kMask, kIrqPin, kMasked).pc, kIrq);
}

TEST_F(PreemptTest, WhatL1DoesNotTakeIsL2s) {
    Seen s = run_l2(H::IMO::kMask, kFiqPin);
    EXPECT_EQ(s.pc, kStays);
    EXPECT_TRUE(s.hcr & H::VF::kMask);
    EXPECT_FALSE(s.hcr & H::VI::kMask);
    s = run_l2(H::FMO::kMask, kIrqPin);
    EXPECT_EQ(s.pc, kStays);
    EXPECT_TRUE(s.hcr & H::VI::kMask);
    EXPECT_FALSE(s.hcr & H::VF::kMask);
    EXPECT_EQ(run_l2(H::FMO::kMask, kIrqPin | kFiqPin).pc, kFiq);
    EXPECT_EQ(run_l2(H::IMO::kMask, kIrqPin | kFiqPin).pc, kIrq);
}

TEST_F(PreemptTest, ASerrorThatL1TakesEndsL2sTime) {
    core().serror = {.pending = true, .syndrome = 0x123};
    EXPECT_EQ(run_l2(H::AMO::kMask, 0, arch::kModeEL1h | 0x3c0).pc, kLower + 0x180);
    EXPECT_TRUE(core().vel2.in_vel2());
    EXPECT_FALSE(core().serror.pending) << "it is taken once";
    EXPECT_EQ(core().regs.get(SysReg::ESR_EL2), 0xbe00'0123u);
    EXPECT_EQ(core().regs.get(SysReg::ELR_EL2), kStays);
}

TEST_F(PreemptTest, ASerrorThatL1LeavesIsL2s) {
    core().serror = {.pending = true, .syndrome = 0x123};
    const Seen s = run_l2(0, 0);
    EXPECT_EQ(s.pc, kStays);
    EXPECT_TRUE(s.hcr & H::VSE::kMask);
    EXPECT_EQ(cpu().registers[SysReg::VSESR_EL2], 0x123u);
}

// L2's kernel returns to AArch32, which L1 was never shown but this CPU has. The VM goes on; L2's kernel hears of it.
TEST_F(PreemptTest, L2InAarch32IsL2sProblem) {
    enter_l2();
    core().context.pc = kStays;
    u64 pstate = 0;
    guest_does({[](GuestContext& c) {
                    c.pstate = arch::kModeAArch32User | arch::SPSR_EL2::Z::kMask;
                    return ExitKind::kIrq;
                },
                [&](GuestContext& c) {
                    pstate = c.pstate;
                    test::port().signal_pending = test::port().entry_blocked = true;
                    return ExitKind::kIrq;
                }});
    EXPECT_EQ(ioctl(abi::KVM_RUN), -4);
    EXPECT_EQ(pstate, (arch::SPSR_EL2::mask<arch::SPSR_EL2::IL, arch::SPSR_EL2::Z>())) << "EL0t, an illegal state";
    EXPECT_TRUE(core().initialized);
}

// L1's active priorities are in hardware until L2's interface is loaded there: a switch of threads does that, too.
TEST_F(PreemptTest, L1sActivePrioritiesAreReadBeforeL2sAreLoaded) {
    make_gic();
    enter_l2();
    nest_port_vcpu_attach(core().host);
    core().nested.gic.loaded = false;   // the vCPU came to L2 just now
    core().gic.work.store_relaxed(1);
    core().gic.hw.ap1r[0] = 0x10;
    set_hcr(H::mask<H::VM, H::IMO, H::FMO>());
    bool switched = false;
    test::port().on_preempt_disable = [&] {
        switched = true;
        core().nested.gic.loaded = true;
        cpu().registers[SysReg::ICH_AP1R0_EL2] = 0x80;  // L2's
    };
    (void)must_preempt_l2(core());
    EXPECT_TRUE(switched);
    EXPECT_EQ(core().gic.hw.ap1r[0], 0x10u);
    nest_port_vcpu_detach(core().host);
}

// L1's own HCR_EL2.VI for L2 is not the VMM's line for L1.
TEST_F(PreemptTest, TheLinesLeaveL1sVirtualInterruptsAlone) {
    Seen s = run_l2(H::mask<H::IMO, H::VI>(), kFiqPin);
    EXPECT_EQ(s.pc, kStays);
    EXPECT_TRUE(s.hcr & H::VI::kMask);
    EXPECT_TRUE(s.hcr & H::VF::kMask);
    s = run_l2(H::mask<H::FMO, H::VF>(), kIrqPin);
    EXPECT_TRUE(s.hcr & H::VI::kMask);
    EXPECT_TRUE(s.hcr & H::VF::kMask);
}

}  // namespace
}  // namespace nest::kvm
