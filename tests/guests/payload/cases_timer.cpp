// SPDX-License-Identifier: GPL-2.0-only
// Timers of L2 and of EL2, and the offset of L2's counter.
#include "../bare/check.hpp"
#include "../bare/gic.hpp"
#include "../bare/stubs.hpp"
#include "cases.hpp"

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

// One of the timers that EL2 reaches.
struct Timer {
    u32 intid;
    const char* control_name;
    u64 (*control)();
    void (*set_control)(u64 value);
    void (*set_ticks)(u64 ticks);       // from now on
};
#define TIMER(intid, name, control, ticks)                                                              \
    Timer {                                                                                             \
        intid, name, [] { return READ(control); }, [](u64 value) { WRITE(control, value); },            \
            [](u64 value) { WRITE(ticks, value); }                                                      \
    }
constexpr Timer kL2Virtual = TIMER(kVirtualTimer, "CNTV_CTL_EL02", "cntv_ctl_el02", "cntv_tval_el02");
constexpr Timer kL2Physical = TIMER(kPhysicalTimer, "CNTP_CTL_EL02", "cntp_ctl_el02", "cntp_tval_el02");
constexpr Timer kOwnPhysical = TIMER(kHypPhysicalTimer, "CNTHP_CTL_EL2", "cnthp_ctl_el2", "cnthp_tval_el2");
constexpr Timer kOwnVirtual = TIMER(kHypVirtualTimer, "CNTHV_CTL_EL2", "cnthv_ctl_el2", "cnthv_tval_el2");

void use_interrupt(const Timer& timer) {
    gic_init();
    gic_enable(timer.intid);
    set_hcr(kHcr | kImo);
}

// L2 starts it itself, by `start`.
void l2_timer(const Timer& timer, Code start) {
    use_interrupt(timer);
    take(run_l2(start, {.x1 = ticks()}), kVectorLowerIrq, timer.intid);
    EQUAL(timer.control_name, timer.control(), kFired);
    timer.set_control(0);
    isb();
    gic_end(timer.intid);
    EQUAL("INTID after the level fell", gic_acknowledge(), 1023);
}

// EL2's own, with L2 idle. EL2 takes the interrupt from itself.
void spin_unmasked() {
    asm volatile("msr daifclr, #2\n1:\tb 1b");
}
void own_timer(const Timer& timer) {
    use_interrupt(timer);
    timer.set_ticks(ticks());
    timer.set_control(1);
    take(protect(spin_unmasked), kVectorIrq, timer.intid);
    EQUAL(timer.control_name, timer.control(), kFired);
    timer.set_control(0);
    gic_end(timer.intid);
}

}  // namespace

// An offset that the counter has passed: where L2's count would have wrapped around zero, QEMU computes a compare value
// plus offset that overflows, and never rings (see docs/testing.md).
void case_l2_vtimer() {
    WRITE("cntvoff_el2", READ("cntpct_el0") / 2);
    l2_timer(kL2Virtual, l2_start_vtimer);
}
void case_l2_ptimer() { l2_timer(kL2Physical, l2_start_ptimer); }
void case_hyp_ptimer() { own_timer(kOwnPhysical); }
void case_hyp_vtimer() { own_timer(kOwnVirtual); }

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
