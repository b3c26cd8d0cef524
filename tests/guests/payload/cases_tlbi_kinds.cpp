// SPDX-License-Identifier: GPL-2.0-only
// TLBIs of stage 2 by range, by address and by VMID, with guests running elsewhere.
#include "../bare/check.hpp"
#include "../bare/smp.hpp"
#include "../bare/stage2.hpp"
#include "../bare/stubs.hpp"
#include "cases.hpp"
#include "features.hpp"
#include "l2_memory.hpp"

// Reads the word at x3 until it is not x1, then comes back with it.
STUB(l2_poll, "1: ldr w0, [x3]; cmp w0, w1; b.eq 1b");

namespace nest::guests {
namespace {

constexpr u64 kIpa = kWindow + 0x3000;

bool faults(u64 ipa) {
    const Frame f = load(ipa);
    if (is_hvc(f, kDone))
        return false;
    IS_ABORT(f, kEcDataLower, kTranslation | 3);
    EQUAL("HPFAR_EL2", f.hpfar & ~bit(63), ipa >> 12 << 4);
    return true;
}

// So many pages from `first` on, by one instruction: all of them go.
void one_range(void (*tlbi)(u64), u64 first, u64 pages, u64 operand) {
    const u64 start = kWindow + first * 0x1000, last = start + (pages - 1) * 0x1000;
    const u64 ipas[] = {start, last, start + pages / 2 * 0x1000};
    for (const u64 ipa : ipas)
        stage2.set(ipa, kPageA | kAll | kPage);
    for (const u64 ipa : ipas)
        sees(ipa, kValueA);
    for (const u64 ipa : ipas)
        stage2.set(ipa, 0);
    tlbi(operand);
    for (const u64 ipa : ipas)
        CHECK("page of the range", faults(ipa));
    for (const u64 ipa : ipas)
        stage2.set(ipa, kPageB | kAll | kPage);
    for (const u64 ipa : ipas) {
        sees(ipa, kValueB);
        stage2.set(ipa, 0);
    }
    tlbi_guest();
}

void ranges(void (*tlbi)(u64)) {
    if (!need::tlbi_range())
        skip("no FEAT_TLBIRANGE");
    use_stage2();
    one_range(tlbi, 8, 2, range(kWindow + 0x8000, 0, 0));
    one_range(tlbi, 10, 64, range(kWindow + 0xa000, 0, 31));
    one_range(tlbi, 0, 64, range(kWindow, 1, 0));
    one_range(tlbi, 0, 512, range(kWindow, 1, 7));
    one_range(tlbi, 0, 512, range(kRam, 2, 3));         // 8192 pages, of which the window is a part
    one_range(tlbi, 0, 512, range(0, 3, 31));           // 8 GiB
}

volatile u64 started, stop, last_value, wrong, rounds;

// The second vCPU's L2, of VMID 2, reads kIpa for ever.
void second_watches() {
    use_tables(other_stage2, 2);
    while (!stop) {
        const Frame f = load(kIpa);
        if (is_hvc(f, kDone))
            last_value = f.x[0];
        else
            wrong = wrong + 1;
        rounds = rounds + 1;
        started = 1;
    }
    stop = 2;
}
void second_polls() {
    use_tables(stage2, 1);
    started = 1;
    Frame f;
    do {    // between break and make it faults
        f = run_l2(l2_poll, {.x1 = kValueA, .x3 = kIpa});
    } while (f.vector == kVectorLower && ec(f.esr) == kEcDataLower && fsc(f.esr) == (kTranslation | 3));
    IS_HVC(f, kDone);
    last_value = f.x[0];
    stop = 2;
}

// L2 runs on the other vCPU without an exit of its own: only the broadcast can take its old page away.
void replaced_under_l2(void (*tlbi)()) {
    use_stage2();
    stage2.set(kIpa, kPageA | kAll | kPage);
    start_second(second_polls);
    WAIT_FOR("the other vCPU's start", started);
    wait_part_of_second(20);        // let its L2 run
    CHECK("it still reads the old page", stop == 0);
    stage2.set(kIpa, 0);
    tlbi();
    stage2.set(kIpa, kPageB | kAll | kPage);
    WAIT_FOR("the new page on the other vCPU", stop == 2);
    EQUAL("value", last_value, kValueB);
}

}  // namespace

void case_tlbi_range() {
    ranges([](u64 operand) {
        dsb();
        asm volatile("tlbi ripas2e1is, %0\n\tdsb sy\n\ttlbi vmalle1is\n\tdsb sy\n\tisb" ::"r"(operand) : "memory");
    });
}
void case_tlbi_range_last() {
    ranges([](u64 operand) {
        dsb();
        asm volatile("tlbi ripas2le1is, %0\n\tdsb sy\n\ttlbi vmalle1is\n\tdsb sy\n\tisb" ::"r"(operand) : "memory");
    });
}

void case_tlbi_other_vcpu() { replaced_under_l2(tlbi_guest); }
void case_tlbi_ipa_other_vcpu() {
    replaced_under_l2([] { tlbi_ipa(kIpa); });
}
void case_tlbi_range_other_vcpu() {
    if (!need::tlbi_range())
        skip("no FEAT_TLBIRANGE");
    replaced_under_l2([] {
        dsb();
        const u64 all = range(kWindow, 1, 7);
        asm volatile("tlbi ripas2e1is, %0\n\tdsb sy\n\ttlbi vmalle1is\n\tdsb sy\n\tisb" ::"r"(all) : "memory");
    });
}

// Two guests of L1, by VMID; the second lives on another vCPU. What happens to the first must not be seen by it.
void case_tlbi_vmid_other_live() {
    use_stage2();
    build(other_stage2);
    stage2.set(kIpa, kPageA | kAll | kPage);
    other_stage2.set(kIpa, kPageB | kAll | kPage);
    start_second(second_watches);
    WAIT_FOR("the other guest", started);
    for (int i = 0; i < 20; i++) {
        sees(kIpa, kValueA);
        stage2.set(kIpa, 0);
        i % 2 ? tlbi_guest() : tlbi_ipa(kIpa);
        CHECK("a page of VMID 1", faults(kIpa));
        stage2.set(kIpa, kPageA | kAll | kPage);
    }
    const u64 before = rounds;
    WAIT_FOR("the other guest runs on", rounds > before + 3);
    EQUAL("faults of VMID 2", wrong, 0);
    EQUAL("value in VMID 2", last_value, kValueB);
    // And now its own page goes, from here: VTTBR_EL2 says whose.
    WRITE("vttbr_el2", other_stage2.vttbr(2));
    isb();
    other_stage2.set(kIpa, 0);
    tlbi_guest();
    other_stage2.set(kIpa, kPageA | kAll | kPage);
    WAIT_FOR("the new page of VMID 2", last_value == kValueA);
    stop = 1;
    WAIT_FOR("the other guest's end", stop == 2);
}

}  // namespace nest::guests
