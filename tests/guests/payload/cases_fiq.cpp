// SPDX-License-Identifier: GPL-2.0-only
// Group 0 of the GIC, which is signalled as FIQ: L1's own, and L2's by list registers and by HCR_EL2.VF.
#include "../bare/check.hpp"
#include "../bare/gic.hpp"
#include "../bare/stubs.hpp"
#include "cases.hpp"

STUB(l2_ack0_eoi, "mrs x0, icc_iar0_el1; isb; msr icc_eoir0_el1, x0; isb");

namespace nest::guests {
namespace {

constexpr u64 kFiqMask = bit(6), kVf = bit(6);
constexpr u64 kVectorFiq = 0x300, kVectorLowerFiq = 0x500;
constexpr u64 kUnmasked = kEl1h & ~kFiqMask;
constexpr u64 kPending = bit(62), kPriority = u64{0x80} << 48;

// EL2's physical timer, in group 0, 20 ms from now.
void start_timer_of_group0() {
    gic_init();
    gic_use_group0(kHypPhysicalTimer);
    gic_enable(kHypPhysicalTimer);
    WRITE("cnthp_tval_el2", READ("cntfrq_el0") / 50);
    WRITE("cnthp_ctl_el2", 1);
    isb();
}
void take_timer(const Frame& f, u64 vector) {
    TAKEN(f, vector);
    EQUAL("ICC_IAR1_EL1", READ("icc_iar1_el1") & 0xff'ffff, 1023);
    EQUAL("ICC_IAR0_EL1", READ("icc_iar0_el1") & 0xff'ffff, kHypPhysicalTimer);
    WRITE("cnthp_ctl_el2", 0);
    isb();
    WRITE("icc_eoir0_el1", kHypPhysicalTimer);
    isb();
    EQUAL("ICC_IAR0_EL1 after the level fell", READ("icc_iar0_el1") & 0xff'ffff, 1023);
}
void spin_unmasked() {
    asm volatile("msr daifclr, #1\n1:\tb 1b");
}

}  // namespace

void case_fiq_preempts() {
    start_timer_of_group0();
    set_hcr(kHcr | kImo | kFmo);
    const Frame f = run_l2(l2_spin);
    take_timer(f, kVectorLowerFiq);
    EQUAL("ELR_EL2", f.elr, reinterpret_cast<u64>(l2_spin));
    EQUAL("PSTATE.F at the vector", f.daif & kFiqMask, kFiqMask);
}

void case_fiq_at_el2() {
    start_timer_of_group0();
    set_hcr(kHcr | kImo | kFmo);
    take_timer(protect(spin_unmasked), kVectorFiq);
}

// Without FMO it does not go to EL2 from below, and L2 masks its own.
void case_fiq_not_taken() {
    start_timer_of_group0();
    set_hcr(kHcr | kImo);
    WAIT_FOR("the timer", gic_is_pending(kHypPhysicalTimer));
    IS_HVC(run_l2(l2_hvc), kDone);
    set_hcr(kHcr | kImo | kFmo);
    take_timer(run_l2(l2_spin), kVectorLowerFiq);
}

// Both groups are pending: one line at a time, by priority.
void case_fiq_order() {
    start_timer_of_group0();
    gic_enable(5);
    gic_set_priority(5, 0x40);
    WAIT_FOR("the timer", gic_is_pending(kHypPhysicalTimer));
    WRITE("icc_sgi1r_el1", u64{5} << 24 | 1);           // to itself, affinity 0.0.0.0
    isb();
    set_hcr(kHcr | kImo | kFmo);
    TAKEN(run_l2(l2_spin), kVectorLowerIrq);
    EQUAL("INTID", gic_acknowledge(), 5);
    gic_end(5);
    take_timer(run_l2(l2_spin), kVectorLowerFiq);
}

void case_lr_group0() {
    gic_init();
    WRITE("ich_vmcr_el2", u64{0xf8} << 24 | bit(3) | bit(1) | bit(0));     // VPMR, VFIQEn, VENG1, VENG0
    WRITE("ich_hcr_el2", 1);
    WRITE("ich_lr0_el2", kPending | kPriority | 48);
    set_hcr(kHcr | kImo | kFmo);
    IS_HVC(run_l2(l2_spin, {.spsr = kUnmasked}), kL2Vector + 6);
    EQUAL("SPSR_EL1", state(READ("spsr_el12")), kUnmasked);
    const Frame spurious = run_l2(l2_ack);
    IS_HVC(spurious, kDone);
    EQUAL("ICC_IAR1_EL1 in L2", spurious.x[0], 1023);
    const Frame taken = run_l2(l2_ack0_eoi);
    IS_HVC(taken, kDone);
    EQUAL("ICC_IAR0_EL1 in L2", taken.x[0], 48);
    EQUAL("state: invalid", READ("ich_lr0_el2") >> 62, 0);
    IS_HVC(run_l2(l2_hvc, {.spsr = kUnmasked}), kDone);
}

// Virtual FIQs of the list registers exist under FMO only.
void case_lr_group0_off() {
    gic_init();
    WRITE("ich_vmcr_el2", u64{0xf8} << 24 | bit(3) | bit(1) | bit(0));
    WRITE("ich_hcr_el2", 1);
    WRITE("ich_lr0_el2", kPending | kPriority | 48);
    set_hcr(kHcr | kImo);
    IS_HVC(run_l2(l2_hvc, {.spsr = kUnmasked}), kDone);
    EQUAL("state: pending", READ("ich_lr0_el2") >> 62, 1);
    set_hcr(kHcr | kImo | kFmo);
    IS_HVC(run_l2(l2_spin, {.spsr = kUnmasked}), kL2Vector + 6);
}

void case_vfiq_vf() {
    set_hcr(kHcr | kFmo | kVf);
    IS_HVC(run_l2(l2_hvc), kDone);      // masked
    IS_HVC(run_l2(l2_spin, {.spsr = kUnmasked}), kL2Vector + 6);
    EQUAL("ELR_EL1", READ("elr_el12"), reinterpret_cast<u64>(l2_spin));
    set_hcr(kHcr | kVf);
    IS_HVC(run_l2(l2_hvc, {.spsr = kUnmasked}), kDone);     // not without FMO
}

}  // namespace nest::guests
