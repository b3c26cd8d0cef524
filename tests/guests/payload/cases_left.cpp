// SPDX-License-Identifier: GPL-2.0-only
// L1 takes one of IRQ and FIQ and leaves the other to L2 (HCR_EL2.IMO and FMO differ): L2 then has L1's own interrupts of that group,
// and the registers of L1's own CPU interface for them ([IHI0069] 12.1.1).
#include "../bare/check.hpp"
#include "../bare/gic.hpp"
#include "../bare/stubs.hpp"
#include "cases.hpp"

STUB(l2_ack0, "mrs x0, icc_iar0_el1; isb");
STUB(l2_end0, "msr icc_eoir0_el1, x0; isb");
STUB(l2_hppi0, "mrs x0, icc_hppir0_el1");
STUB(l2_set_group0, "msr icc_bpr0_el1, x0; msr icc_igrpen0_el1, x1; isb");

namespace nest::guests {
namespace {

constexpr u64 kFiqMask = bit(6);
constexpr u64 kFiqUnmasked = kEl1h & ~kFiqMask, kIrqUnmasked = kEl1h & ~kIrqMask;
constexpr u32 kSgi = 5, kOther = 6;
constexpr u64 kIdle = 0xff, kNone = 1023;

void send_group0(u32 sgi) {
    WRITE("icc_sgi0r_el1", u64{sgi} << 24 | 1);     // to itself, affinity 0.0.0.0
    isb();
}
// An SGI of group 0 is pending.
void pend_group0() {
    gic_init();
    gic_use_group0(kSgi);
    gic_enable(kSgi);
    send_group0(kSgi);
}
u64 running() { return READ("icc_rpr_el1") & 0xff; }

}  // namespace

void case_left_fiq() {
    pend_group0();
    set_hcr(kHcr | kImo);
    IS_HVC(run_l2(l2_hvc), kDone);      // masked
    IS_HVC(run_l2(l2_spin, {.spsr = kFiqUnmasked}), kL2Vector + 6);
    EQUAL("ELR_EL1", READ("elr_el12"), reinterpret_cast<u64>(l2_spin));
    EQUAL("ICC_HPPIR0_EL1 in L2", run_l2(l2_hppi0).x[0], kSgi);
    EQUAL("ICC_IAR1_EL1 in L2, its virtual one", run_l2(l2_ack).x[0], kNone);
    EQUAL("ICC_IAR0_EL1 in L2", run_l2(l2_ack0).x[0], kSgi);
    EQUAL("ICC_RPR_EL1 in L1", running(), 0xa0);
    CHECK("active in L1", gic_is_active(kSgi));
    IS_HVC(run_l2(l2_hvc, {.spsr = kFiqUnmasked}), kDone);      // nothing is left
    IS_HVC(run_l2(l2_end0, {.x0 = kSgi}), kDone);
    EQUAL("ICC_RPR_EL1 in L1 after the end", running(), kIdle);
    CHECK("not active in L1", !gic_is_active(kSgi));
    EQUAL("ICC_IAR0_EL1 in L2 with nothing left", run_l2(l2_ack0).x[0], kNone);
}

void case_left_irq() {
    gic_init();
    gic_enable(kSgi);
    gic_send(kSgi, 0);
    set_hcr(kHcr | kFmo);
    IS_HVC(run_l2(l2_hvc), kDone);
    IS_HVC(run_l2(l2_spin, {.spsr = kIrqUnmasked}), kL2Vector + 5);
    EQUAL("ICC_IAR1_EL1 in L2", run_l2(l2_ack_eoi).x[0], kSgi);
    EQUAL("ICC_RPR_EL1 in L1", running(), kIdle);
    IS_HVC(run_l2(l2_hvc, {.spsr = kIrqUnmasked}), kDone);
}

// A level: what L2 has ended is pending again until its cause has gone.
void case_left_level() {
    gic_init();
    gic_use_group0(kHypPhysicalTimer);
    gic_enable(kHypPhysicalTimer);
    set_hcr(kHcr | kImo);
    WRITE("cnthp_tval_el2", READ("cntfrq_el0") / 50);
    WRITE("cnthp_ctl_el2", 1);
    isb();
    IS_HVC(run_l2(l2_wfi), kDone);      // masked, and woken
    for (int i = 0; i < 2; i++) {
        IS_HVC(run_l2(l2_spin, {.spsr = kFiqUnmasked}), kL2Vector + 6);
        EQUAL("ICC_IAR0_EL1 in L2", run_l2(l2_ack0).x[0], kHypPhysicalTimer);
        IS_HVC(run_l2(l2_end0, {.x0 = kHypPhysicalTimer}), kDone);
    }
    WRITE("cnthp_ctl_el2", 0);
    isb();
    WAIT_FOR("the timer's line", !gic_is_pending(kHypPhysicalTimer));
    IS_HVC(run_l2(l2_hvc, {.spsr = kFiqUnmasked}), kDone);
}

// The registers are L1's own, and L1's enable of the group is L2's to change.
void case_left_registers() {
    pend_group0();
    set_hcr(kHcr | kImo);
    IS_HVC(run_l2(l2_set_group0, {.x0 = 5, .x1 = 0}), kDone);
    EQUAL("ICC_BPR0_EL1", READ("icc_bpr0_el1"), 5);
    EQUAL("ICC_IGRPEN0_EL1", READ("icc_igrpen0_el1"), 0);
    IS_HVC(run_l2(l2_hvc, {.spsr = kFiqUnmasked}), kDone);
    IS_HVC(run_l2(l2_set_group0, {.x0 = 0, .x1 = 1}), kDone);
    IS_HVC(run_l2(l2_spin, {.spsr = kFiqUnmasked}), kL2Vector + 6);
}

// ICH_HCR_EL2.TALL0 traps all of them, physical or virtual.
void case_left_trapped() {
    pend_group0();
    WRITE("ich_hcr_el2", bit(11) | 1);
    set_hcr(kHcr | kImo);
    const Frame f = run_l2(l2_ack0);
    TAKEN(f, kVectorLower);
    EQUAL("ESR_EL2.EC", ec(f.esr), kEcSystem);
    EQUAL("ICC_IAR0_EL1", READ("icc_iar0_el1") & 0xff'ffff, kSgi);
}

// While L2 handles one of L1's interrupts, one for L1 of no higher priority is not signalled.
void case_left_priority() {
    pend_group0();
    gic_set_priority(kSgi, 0x80);
    gic_enable(kOther);
    set_hcr(kHcr | kImo);
    EQUAL("ICC_IAR0_EL1 in L2", run_l2(l2_ack0).x[0], kSgi);
    gic_send(kOther, 0);
    IS_HVC(run_l2(l2_hvc), kDone);
    gic_set_priority(kOther, 0x40);
    TAKEN(run_l2(l2_spin), kVectorLowerIrq);
    gic_set_priority(kOther, 0xa0);
    TAKEN(run_l2(l2_end0, {.x0 = kSgi}), kVectorLowerIrq);
    EQUAL("ICC_IAR1_EL1", gic_acknowledge(), kOther);
    gic_end(kOther);
}

// The same for an interrupt that L1 itself handles, and has not ended when it enters L2.
void case_active_in_l1() {
    gic_init();
    gic_enable(kSgi);
    gic_enable(kOther);
    gic_set_priority(kSgi, 0x40);
    gic_send(kSgi, 0);
    EQUAL("ICC_IAR1_EL1", gic_acknowledge(), kSgi);
    gic_send(kOther, 0);
    set_hcr(kHcr | kImo | kFmo);
    IS_HVC(run_l2(l2_hvc), kDone);
    gic_end(kSgi);
    TAKEN(run_l2(l2_spin), kVectorLowerIrq);
    EQUAL("ICC_IAR1_EL1 after the end", gic_acknowledge(), kOther);
    gic_end(kOther);
}

}  // namespace nest::guests
