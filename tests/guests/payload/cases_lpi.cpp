// SPDX-License-Identifier: GPL-2.0-only
// LPIs by L1's own ITS, at virtual EL2 and while L2 runs, and LPIs that L1 injects into L2.
#include "../bare/check.hpp"
#include "../bare/gic.hpp"
#include "../bare/its.hpp"
#include "../bare/smp.hpp"
#include "../bare/stubs.hpp"
#include "cases.hpp"
#include "list_registers.hpp"

namespace nest::guests {
namespace {

constexpr u32 kEvent = 3, kOther = 4, kLpi = 8200, kOtherLpi = 9000;
constexpr u64 kSpurious = 1023, kIsrIrq = bit(7);

void use_its() {
    gic_init();
    its_init();
    its_take_lpis();
    set_hcr(kHcr | kImo);
}

bool pending() { return READ("isr_el1") & kIsrIrq; }

void comes(u64 lpi) {
    WAIT_FOR("an LPI", pending());
    EQUAL("INTID", gic_acknowledge(), lpi);
    EQUAL("INTID of an LPI that is acknowledged", gic_acknowledge(), kSpurious);
    gic_end(lpi);
}
void nothing_comes() {
    its_told();
    EQUAL("INTID", gic_acknowledge(), kSpurious);
}

volatile u64 second_takes, taken;
void second_takes_one() {
    gic_init();
    its_take_lpis();
    set_hcr(kHcr | kImo);
    second_takes = 1;
    const Frame f = run_l2(l2_spin);
    EQUAL("vector", f.vector, kVectorLowerIrq);
    const u64 intid = gic_acknowledge();
    gic_end(intid);
    taken = intid;
}

}  // namespace

void case_lpi_int() {
    use_its();
    its_map(kEvent, kLpi, 0);
    its_map(kOther, kOtherLpi, 0);
    nothing_comes();
    its_interrupt(kOther);
    comes(kOtherLpi);
    its_interrupt(kEvent);
    comes(kLpi);
    its_interrupt(kEvent);
    its_interrupt(kOther);      // of one priority: the lower INTID first
    its_told();
    comes(kLpi);
    comes(kOtherLpi);
    nothing_comes();
}

// What is pending and disabled comes when the property says so, and the ITS is told. [IHI0069] 5.1.1
void case_lpi_property() {
    use_its();
    its_map(kEvent, kLpi, 0);
    its_set_enabled(kEvent, kLpi, false);
    its_interrupt(kEvent);
    nothing_comes();
    its_set_enabled(kEvent, kLpi, true);
    comes(kLpi);
    nothing_comes();
}

void case_lpi_takes_l2_out() {
    use_its();
    its_map(kEvent, kLpi, 0);
    its_interrupt(kEvent);
    its_told();
    TAKEN(run_l2(l2_spin), kVectorLowerIrq);
    comes(kLpi);
    IS_HVC(run_l2(l2_hvc), kDone);
}

// To a vCPU whose L2 runs, from another.
void case_lpi_other_vcpu() {
    use_its();
    start_second(second_takes_one);
    WAIT_FOR("vCPU 1", second_takes);
    wait_part_of_second(20);
    its_map(kEvent, kLpi, 1);
    its_interrupt(kEvent);
    WAIT_FOR("vCPU 1 out of L2", taken);
    EQUAL("INTID", taken, kLpi);
    nothing_comes();
}

// L1 is the ITS of its L2: a list register may name an LPI.
void case_lr_lpi() {
    use_lrs(kEn);
    WRITE("ich_lr0_el2", lr(kLpi, 0xa0));
    WRITE("ich_lr1_el2", lr(0xffff, 0x80));
    IS_HVC(run_l2(l2_spin, {.spsr = kEl1h & ~kIrqMask}), kL2Vector + 5);
    constexpr u64 kOrder[] = {0xffff, kLpi, kSpurious};
    for (const u64 intid : kOrder) {
        const Frame f = run_l2(l2_ack_eoi);
        IS_HVC(f, kDone);
        EQUAL("INTID in L2", f.x[0], intid);
    }
    EQUAL("state: invalid", state_of(READ("ich_lr0_el2")), 0);
    EQUAL("state: invalid", state_of(READ("ich_lr1_el2")), 0);
}

}  // namespace nest::guests
