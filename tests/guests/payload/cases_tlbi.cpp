// SPDX-License-Identifier: GPL-2.0-only
// L1 changes its stage 2 by the book (break, TLBI, make) and L2 must see each step.
#include "../bare/check.hpp"
#include "../bare/stage2.hpp"
#include "../bare/stubs.hpp"
#include "cases.hpp"
#include "l2_memory.hpp"

namespace nest::guests {
namespace {

constexpr u64 kIpa = kWindow + 0x7000;

void faults() {
    const Frame f = load(kIpa);
    IS_ABORT(f, kEcDataLower, kTranslation | 3);
}

void set_entry(u64 value) { stage2.set(kIpa, value); }

void break_and_make(void (*tlbi)()) {
    use_stage2();
    set_entry(kPageA | kAll | kPage);
    for (int i = 0; i < 3; i++) {
        sees(kIpa, kValueA);
        set_entry(0);
        tlbi();
        faults();
        set_entry(kPageB | kAll | kPage);
        sees(kIpa, kValueB);
        set_entry(0);
        tlbi();
        faults();
        set_entry(kPageA | kAll | kPage);
    }
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
    other_stage2.set(kIpa, kPageB | kAll | kPage);
    for (int i = 0; i < 4; i++) {
        WRITE("vttbr_el2", stage2.vttbr(1));
        isb();
        sees(kIpa, kValueA);
        WRITE("vttbr_el2", other_stage2.vttbr(2));
        isb();
        sees(kIpa, kValueB);
    }
}

}  // namespace nest::guests
