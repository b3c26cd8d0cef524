// SPDX-License-Identifier: GPL-2.0-only
// L1 changes its stage 2 by the book (break, TLBI, make) and L2 must see each step.
#include "cases.hpp"
#include "check.hpp"
#include "smp.hpp"
#include "stage2.hpp"
#include "stubs.hpp"

// Reads the word at x3 until it is not x1, then comes back with it.
STUB(l2_poll, "1: ldr w0, [x3]; cmp w0, w1; b.eq 1b");

namespace nest::guests {
namespace {

constexpr u64 kIpa = kWindow + 0x7000;

void sees(u64 value) {
    const Frame f = run_l2(l2_load, {.x3 = kIpa});
    IS_HVC(f, kDone);
    EQUAL("value", f.x[0], value);
}

void faults() {
    const Frame f = run_l2(l2_load, {.x3 = kIpa});
    TAKEN(f, kVectorLower);
    EQUAL("ESR_EL2.EC", ec(f.esr), kEcDataLower);
    EQUAL("ESR_EL2 FSC", fsc(f.esr), kTranslation | 3);
}

void set_entry(u64 value) {
    *const_cast<volatile u64*>(&stage2.window(kIpa)) = value;
    dsb();
}

void break_and_make(void (*tlbi)()) {
    use_stage2();
    set_entry(kPageA | kAll | kPage);
    for (int i = 0; i < 3; i++) {
        sees(kValueA);
        set_entry(0);
        tlbi();
        faults();
        set_entry(kPageB | kAll | kPage);
        sees(kValueB);
        set_entry(0);
        tlbi();
        faults();
        set_entry(kPageA | kAll | kPage);
    }
}

volatile u64 polled;

void poll() {
    WRITE("vtcr_el2", vtcr(1, 25, kFortyBits));
    WRITE("vttbr_el2", stage2.vttbr(1));
    set_hcr(kHcr | kVm);
    polled = 1;
    Frame f;
    do {    // between break and make it faults
        f = run_l2(l2_poll, {.x1 = kValueA, .x3 = kIpa});
    } while (f.vector == kVectorLower && ec(f.esr) == kEcDataLower && fsc(f.esr) == (kTranslation | 3));
    IS_HVC(f, kDone);
    polled = f.x[0];
}

}  // namespace

void case_tlbi_ipas2() {
    break_and_make([] { tlbi_ipa(kIpa); });
}
void case_tlbi_ipas2_last() {
    break_and_make([] {
        asm volatile("tlbi ipas2le1, %0\n\tdsb sy\n\ttlbi vmalle1\n\tdsb sy\n\tisb" ::"r"(kIpa >> 12) : "memory");
    });
}
void case_tlbi_vmalls12() { break_and_make(tlbi_guest); }
void case_tlbi_alle1() {
    break_and_make([] { asm volatile("tlbi alle1is\n\tdsb sy\n\tisb" ::: "memory"); });
}

// Another VMID is another guest: no TLBI between them.
void case_vmid_switch() {
    use_stage2();
    build(other_stage2);
    set_entry(kPageA | kAll | kPage);
    other_stage2.window(kIpa) = kPageB | kAll | kPage;
    dsb();
    for (int i = 0; i < 4; i++) {
        WRITE("vttbr_el2", stage2.vttbr(1));
        isb();
        sees(kValueA);
        WRITE("vttbr_el2", other_stage2.vttbr(2));
        isb();
        sees(kValueB);
    }
}

void case_tlbi_other_vcpu() {
    use_stage2();
    set_entry(kPageA | kAll | kPage);
    start_second(poll);
    WAIT_FOR("the other vCPU's start", polled == 1);
    const u64 later = READ("cntpct_el0") + READ("cntfrq_el0") / 20;
    while (READ("cntpct_el0") < later) {    // let its L2 run
    }
    CHECK("it still reads the old page", polled == 1);
    set_entry(0);
    tlbi_guest();
    set_entry(kPageB | kAll | kPage);
    WAIT_FOR("the new page on the other vCPU", polled != 1);
    EQUAL("value", polled, kValueB);
}

}  // namespace nest::guests
