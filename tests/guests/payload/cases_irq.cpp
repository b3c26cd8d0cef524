// SPDX-License-Identifier: GPL-2.0-only
// Interrupts for L2 by HCR_EL2, and L1's interrupts while L2 runs.
#include "../bare/check.hpp"
#include "../bare/gic.hpp"
#include "../bare/smp.hpp"
#include "../bare/stubs.hpp"
#include "cases.hpp"

STUB(l2_wfi_isr, "wfi; mrs x0, isr_el1");

namespace nest::guests {

void case_virq_vi() {
    set_hcr(kHcr | kImo | kVi);
    const Frame f = run_l2(l2_spin, {.spsr = kEl1h & ~kIrqMask});
    IS_HVC(f, kL2Vector + 5);
    EQUAL("ELR_EL1", READ("elr_el12"), reinterpret_cast<u64>(l2_spin));
    EQUAL("SPSR_EL1", state(READ("spsr_el12")), kEl1h & ~kIrqMask);
    set_hcr(kHcr | kImo);
    const Frame after = run_l2(l2_hvc, {.spsr = kEl1h & ~kIrqMask});
    IS_HVC(after, kDone);
}

// Masked: not taken, but seen in ISR_EL1 and enough to end WFI.
void case_virq_masked() {
    set_hcr(kHcr | kImo | kVi);
    const Frame f = run_l2(l2_wfi_isr);
    IS_HVC(f, kDone);
    EQUAL("ISR_EL1", f.x[0], bit(7));
}

static void take_vserror() {
    set_hcr(kHcr | kAmo | kVse);
    const Frame f = run_l2(l2_spin, {.spsr = kEl1h & ~kSErrorMask});
    IS_HVC(f, kL2Vector + 7);
}
void case_vserror() {
    take_vserror();
    EQUAL("ESR_EL1.EC", ec(READ("esr_el12")), 0x2f);
    EQUAL("ELR_EL1", READ("elr_el12"), reinterpret_cast<u64>(l2_spin));
}
// D1.3.6: taking it clears HCR_EL2.VSE.
void case_vserror_clears() {
    take_vserror();
    EQUAL("HCR_EL2.VSE", READ("hcr_el2") & kVse, 0);
    const Frame f = run_l2(l2_hvc, {.spsr = kEl1h & ~kSErrorMask});
    IS_HVC(f, kDone);
}

// WFI of L2, not trapped by L1: it ends by L1's interrupt, which goes to EL2.
void case_wfi_timer() {
    gic_init();
    gic_enable(kHypPhysicalTimer);
    set_hcr(kHcr | kImo);
    WRITE("cnthp_tval_el2", READ("cntfrq_el0") / 50);
    WRITE("cnthp_ctl_el2", 1);
    isb();
    const Frame f = run_l2(l2_wfi);
    TAKEN(f, kVectorLowerIrq);
    EQUAL("INTID", gic_acknowledge(), kHypPhysicalTimer);
    WRITE("cnthp_ctl_el2", 0);
    gic_end(kHypPhysicalTimer);
}

namespace {
volatile u64 running, exit_vector, exit_intid;
void spin_until_sgi() {
    gic_init();
    gic_enable(5);
    set_hcr(kHcr | kImo);
    running = 1;
    const Frame f = run_l2(l2_spin);
    exit_intid = gic_acknowledge();
    dsb();
    exit_vector = f.vector;
}
}  // namespace

void case_sgi_out() {
    gic_init();
    start_second(spin_until_sgi);
    WAIT_FOR("vCPU 1", running);
    wait_part_of_second(20);
    gic_send(5, 1);
    WAIT_FOR("vCPU 1 out of L2", exit_vector);
    EQUAL("vector", exit_vector, kVectorLowerIrq);
    EQUAL("INTID", exit_intid, 5);
}

}  // namespace nest::guests
