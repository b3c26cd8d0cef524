// SPDX-License-Identifier: GPL-2.0-only
// Stage 2 as no sane L1 makes it: nothing of it may reach the host, and L1 gets what the manual says.
#include "../bare/check.hpp"
#include "../bare/stage2.hpp"
#include "../bare/stubs.hpp"
#include "cases.hpp"
#include "l2_memory.hpp"

namespace nest::guests {
namespace {

constexpr u64 kIpa = kWindow + 0x5000;

// The first fetch of L2 cannot be translated. Code: what FSC must be.
void no_fetch(u64 code) {
    const Frame f = run_l2(l2_hvc);
    IS_ABORT(f, kEcFetchLower, code);
    EQUAL("FAR_EL2", f.far, reinterpret_cast<u64>(l2_hvc));
}

void absurd(u64 vtcr) {
    use_stage2();
    WRITE("vtcr_el2", vtcr);
    tlbi_guest();
}

// All levels are one table, whose entry 2 leads to itself; as a page it is the table.
void cyclic(u64 attributes) {
    use_stage2();
    stage2.level1[2] = reinterpret_cast<u64>(stage2.level1) | attributes | kTable;
    tlbi_guest();
}
constexpr u64 kCycle = u64{2} << 30 | u64{2} << 21 | u64{2} << 12;

}  // namespace

// Like a device to L1: an external abort, or the VMM's answer.
void case_s2_outside() {
    use_stage2();
    stage2.set(kIpa, kNothing | kAll | kPage);
    const Frame f = load(kIpa);
    TAKEN(f, kVectorLower);
    if (f.esr == esr_of(kEcHvc, kDone)) {
        EQUAL("what L2 read", f.x[0], kNothingValue);
    } else if (f.esr == esr_of(kEcHvc, kL2Vector + 4)) {
        EQUAL("ESR_EL1.EC", ec(READ("esr_el12")), kEcData);
        CHECK("ESR_EL1 FSC is external", is_external(fsc(READ("esr_el12"))));
    } else {
        EQUAL("ESR_EL2.EC", ec(f.esr), kEcDataLower);
        CHECK("ESR_EL2 FSC is external", is_external(fsc(f.esr)));
    }
}

// A walk that cannot read its table: a synchronous external abort on the walk, at the table's level.
void case_s2_vttbr_outside() {
    use_stage2();
    WRITE("vttbr_el2", u64{1} << 48 | kNothing);
    tlbi_guest();
    no_fetch(0x15);
}
void case_s2_table_outside() {
    use_stage2();
    stage2.level1[kRam >> 30] = kNothing | kTable;
    tlbi_guest();
    no_fetch(0x16);
}

void case_s2_cyclic_af() {
    cyclic(0);
    const Frame f = load(kCycle);
    IS_ABORT(f, kEcDataLower, kAccessFlag | 3);
    EQUAL("HPFAR_EL2", f.hpfar & ~bit(63), kCycle >> 12 << 4);
}
void case_s2_cyclic_read() {
    cyclic(kAll);
    const Frame f = load(kCycle + 2 * sizeof(u64));
    IS_HVC(f, kDone);
    EQUAL("low word of the entry", f.x[0], stage2.level1[2] & 0xffff'ffff);
}

// D8.2: where the start level does not fit the input size, a translation fault at level 0.
void case_s2_absurd_sl0_high() { absurd(vtcr(2, 25, kFortyBits)), no_fetch(kTranslation | 0); }
void case_s2_absurd_sl0_low() { absurd(vtcr(0, 25, kFortyBits)), no_fetch(kTranslation | 0); }

// T0SZ above its maximum may count as the maximum or fault at level 0; either way nothing is translated.
void case_s2_absurd_t0sz() {
    absurd(vtcr(1, 63, kFortyBits));
    const Frame f = run_l2(l2_hvc);
    TAKEN(f, kVectorLower);
    EQUAL("ESR_EL2.EC", ec(f.esr), kEcFetchLower);
    EQUAL("ESR_EL2 FSC type", fsc(f.esr) & ~u64{3}, kTranslation);
}

// TG0 0b11 is reserved and counts as one of the granules that are there, which the manual leaves open.
void case_s2_absurd_granule() {
    absurd(vtcr(1, 25, kFortyBits, 3));
    const Frame f = run_l2(l2_hvc);
    TAKEN(f, kVectorLower);
    if (f.esr != esr_of(kEcHvc, kDone))
        EQUAL("ESR_EL2.EC", ec(f.esr), kEcFetchLower);
}

}  // namespace nest::guests
