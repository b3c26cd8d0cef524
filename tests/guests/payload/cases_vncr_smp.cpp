// SPDX-License-Identifier: GPL-2.0-only
// The page of L2's EL2 registers goes away while L2 writes to it on another vCPU, by a TLBI or under the VMM's hands.
#include "../bare/smp.hpp"
#include "cases.hpp"
#include "features.hpp"
#include "vncr.hpp"

// Counts in TPIDR_EL2 for ever.
STUB(l2_count, "1: add x0, x0, #1; msr tpidr_el2, x0; b 1b");

namespace nest::guests {
namespace {

constexpr u64 kPageEntry = kOwn | kPage;

volatile u64 next_page;     // that the vCPU with the counting L2 is to map; 0: it waits
volatile u64 stop, bad_esr, refused;

u64 counter(u64 page) { return memory64(page + kTpidr); }

// vCPU 1: L2 counts; its L1 maps what it is told to.
void second_counts() {
    use_nv2();
    Frame f = run_l2(l2_count);
    while (!stop) {
        const bool vncr = f.vector == kVectorLower && ec(f.esr) == kEcData && f.esr & kVncrAbort;
        if (vncr && is_external(fsc(f.esr))) {
            refused = refused + 1;
        } else if (vncr && fsc(f.esr) == (kTranslation | 3) && f.far == kVncr + kTpidr) {
            while (!next_page && !stop) {
            }
            if (stop)
                break;
            own_stage1.set(kVncr, next_page | kPageEntry);
            next_page = 0;
        } else {
            bad_esr = f.esr;
            break;
        }
        f = go_on(f);
    }
    stop = 2;
}

void counts(u64 page) {
    for (int i = 0; i < 3; i++) {
        const u64 before = counter(page);
        WAIT_FOR("L2 counts in its page", counter(page) != before || stop);
        EQUAL("ESR_EL2 of another exception of the counting L2", bad_esr, 0);
    }
}

void start_counting(u64 page) {
    start_nv2();
    own_stage1.set(kVncr, page | kPageEntry);
    tlbi_vae2(kVncr >> 12);
    start_second(second_counts);
    counts(page);
}

void take_away() {
    own_stage1.set(kVncr, 0);
    tlbi_vae2(kVncr >> 12);
}

void end_counting() {
    stop = 1;
    take_away();
    WAIT_FOR("the counting L2's end", stop == 2);
    EQUAL("ESR_EL2 of another exception of the counting L2", bad_esr, 0);
}

// The VMM does something to the memory, and the count goes on in what L1 sees now.
void goes_on_after(u64 request, u64 page) {
    start_counting(page);
    for (int i = 0; i < 20; i++) {
        write_report(request, page);
        counts(page);
    }
    end_counting();
}

void tlbi_in_turn(u64 round) {
    switch (round % 4) {
    case 0:
        return tlbi_vae2(kVncr >> 12);
    case 1:
        return tlbi_alle2();
    case 2:
        return under_tge([] { asm volatile("dsb sy\n\ttlbi vmalle1is\n\tdsb sy\n\tisb" ::: "memory"); });
    default:
        if (need::tlbi_range())
            asm volatile("dsb sy\n\ttlbi rvale2is, %0\n\tdsb sy\n\tisb" ::"r"(range(kVncr, 0, 0)) : "memory");
        else
            tlbi_alle2();
    }
}

}  // namespace

// After TLBI and DSB not one write more may come to the old page: L1 may give it to someone else.
void case_vncr_other_vcpu() {
    start_counting(vncr_page(0));
    for (u64 round = 0; round < 12; round++) {
        const u64 old = vncr_page(round % 5), fresh = vncr_page((round + 1) % 5);
        own_stage1.set(kVncr, 0);
        tlbi_in_turn(round);
        const u64 last = counter(old);
        wait_part_of_second(50);
        EQUAL("the old page", counter(old), last);
        next_page = fresh;
        counts(fresh);
        EQUAL("the old page", counter(old), last);
    }
    end_counting();
    EQUAL("external aborts", refused, 0);
}

void case_vncr_memory_replaced() { goes_on_after(report::kReplacePage, vncr_page(0)); }
void case_vncr_memory_discarded() { goes_on_after(report::kDiscardPage, vncr_page(0)); }

// A slot of its own that comes and goes: in between nothing is there, and the access is refused.
void case_vncr_slot_moved() {
    if (!need::nv2())
        skip("no FEAT_NV2");
    write_report(report::kRenewSlot, kExtraSlot);
    goes_on_after(report::kRenewSlot, kExtraSlot);
}

}  // namespace nest::guests
