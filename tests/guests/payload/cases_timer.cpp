// SPDX-License-Identifier: GPL-2.0-only
// Timers of L2 and of EL2, and the offset of L2's counter.
#include "cases.hpp"
#include "check.hpp"
#include "gic.hpp"
#include "stubs.hpp"

// A timer in x1 ticks, then for ever.
STUB(l2_start_vtimer, "msr cntv_tval_el0, x1; mov x2, #1; msr cntv_ctl_el0, x2; isb; b .");
STUB(l2_start_ptimer, "msr cntp_tval_el0, x1; mov x2, #1; msr cntp_ctl_el0, x2; isb; b .");
STUB(l2_counters, "mrs x0, cntvct_el0; mrs x1, cntpct_el0");

namespace nest::guests {
namespace {

constexpr u64 kFired = 5;       // CNTx_CTL: ENABLE, ISTATUS
u64 ticks() { return READ("cntfrq_el0") / 100; }

void take(const Frame& f, u64 vector, u32 intid) {
    TAKEN(f, vector);
    EQUAL("INTID", gic_acknowledge(), intid);
}

}  // namespace

void case_l2_vtimer() {
    gic_init();
    gic_enable(kVirtualTimer);
    WRITE("cntvoff_el2", 0x1234'5678);
    set_hcr(kHcr | kImo);
    take(run_l2(l2_start_vtimer, {.x1 = ticks()}), kVectorLowerIrq, kVirtualTimer);
    EQUAL("CNTV_CTL_EL02", READ("cntv_ctl_el02"), kFired);
    WRITE("cntv_ctl_el02", 0);
    isb();
    gic_end(kVirtualTimer);
    EQUAL("INTID after the level fell", gic_acknowledge(), 1023);
}

void case_l2_ptimer() {
    gic_init();
    gic_enable(kPhysicalTimer);
    set_hcr(kHcr | kImo);
    take(run_l2(l2_start_ptimer, {.x1 = ticks()}), kVectorLowerIrq, kPhysicalTimer);
    EQUAL("CNTP_CTL_EL02", READ("cntp_ctl_el02"), kFired);
    WRITE("cntp_ctl_el02", 0);
    isb();
    gic_end(kPhysicalTimer);
    EQUAL("INTID after the level fell", gic_acknowledge(), 1023);
}

// EL2's own timers, with L2 idle. EL2 takes the interrupt from itself.
static void spin_unmasked() {
    asm volatile("msr daifclr, #2\n1:\tb 1b");
}
void case_hyp_ptimer() {
    gic_init();
    gic_enable(kHypPhysicalTimer);
    set_hcr(kHcr | kImo);
    WRITE("cnthp_tval_el2", ticks());
    WRITE("cnthp_ctl_el2", 1);
    take(protect(spin_unmasked), kVectorIrq, kHypPhysicalTimer);
    EQUAL("CNTHP_CTL_EL2", READ("cnthp_ctl_el2"), kFired);
    WRITE("cnthp_ctl_el2", 0);
    gic_end(kHypPhysicalTimer);
}
void case_hyp_vtimer() {
    gic_init();
    gic_enable(kHypVirtualTimer);
    set_hcr(kHcr | kImo);
    WRITE("cnthv_tval_el2", ticks());
    WRITE("cnthv_ctl_el2", 1);
    take(protect(spin_unmasked), kVectorIrq, kHypVirtualTimer);
    EQUAL("CNTHV_CTL_EL2", READ("cnthv_ctl_el2"), kFired);
    WRITE("cnthv_ctl_el2", 0);
    gic_end(kHypVirtualTimer);
}

// CNTVOFF_EL2 counts for L2, and not for EL2 itself with E2H.
void case_cntvoff() {
    constexpr u64 kOffset = 0x12'3456'7000;
    WRITE("cntvoff_el2", kOffset);
    isb();
    const u64 before = READ("cntpct_el0");
    const Frame f = run_l2(l2_counters);
    isb();
    const u64 after = READ("cntpct_el0"), own = READ("cntvct_el0"), last = READ("cntpct_el0");
    IS_HVC(f, kDone);
    const u64 physical = f.x[0] + kOffset;
    CHECK("L2's CNTVCT + CNTVOFF not before L1's CNTPCT", physical >= before);
    CHECK("L2's CNTVCT + CNTVOFF not after L1's CNTPCT", physical <= after);
    CHECK("L2's CNTPCT between L1's", f.x[1] >= before && f.x[1] <= after);
    CHECK("EL2's CNTVCT is CNTPCT", own >= after && own <= last);
}

}  // namespace nest::guests
