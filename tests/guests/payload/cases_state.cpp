// SPDX-License-Identifier: GPL-2.0-only
// PSTATE through exception entry and ERET: [DDI0487] D1.3 and AArch64.TakeException, SetPSTATEFromPSR.
#include <initializer_list>

#include "../bare/check.hpp"
#include "../bare/stage2.hpp"
#include "../bare/stubs.hpp"
#include "cases.hpp"
#include "features.hpp"

// What a level below EL2 finds in PSTATE. The second form is for EL0, which sees only the flags.
STUB(l2_state, "mrs x0, nzcv; mrs x1, daif; mrs x4, spsel; mrs x5, currentel; mrs x6, pan; mrs x7, uao");
STUB(l2_dit, "mrs x0, dit");
STUB(l2_ssbs, "mrs x0, ssbs");
STUB(l2_flags, "mrs x0, nzcv; svc #0x2a");
STUB(el2_hvc, "hvc #0x4a7");

namespace nest::guests {
namespace {

constexpr u64 kFlags = 0xf000'0000, kPan = bit(22), kUao = bit(23), kDit = bit(24), kSsbs = bit(12);
constexpr u64 kSpan = bit(23);      // of SCTLR_EL2
constexpr u64 kModes[] = {5, 4, 0};     // EL1h, EL1t, EL0t
// DAIF and flags, one by one and together.
constexpr u64 kMasks[] = {0, bit(6), bit(7), bit(8), bit(9), kDaif};
constexpr u64 kNzcv[] = {0, bit(28), bit(29), bit(30), bit(31), kFlags};

// [DDI0487] D1.3.4: DAIF is masked, SP is EL2's own, flags stay. PAN stays unless EL2 is the host of EL0.
void check_entry(const Frame& f, u64 spsr, u64 pan) {
    EQUAL("SPSR_EL2", f.spsr, spsr);
    EQUAL("NZCV at the vector", f.nzcv, spsr & kFlags);
    EQUAL("DAIF at the vector", f.daif, kDaif);
    EQUAL("SPSel at the vector", f.spsel, 1);
    EQUAL("PAN at the vector", f.pan, pan);
    EQUAL("CurrentEL", READ("currentel"), 2 << 2);
}

// L2 reads where its L1 maps nothing: the one exception that all three of its states can take to EL2.
void fault_from(u64 spsr) {
    const Frame f = run_l2(l2_load, {.spsr = spsr, .x3 = kWindow});
    TAKEN(f, kVectorLower);
    EQUAL("ESR_EL2.EC", ec(f.esr), kEcDataLower);
    EQUAL("ELR_EL2", f.elr, reinterpret_cast<u64>(l2_load));
    check_entry(f, spsr, spsr & kPan);
}

template <typename Fn>
void each_state(u64 mode, Fn fn) {
    for (const u64 mask : kMasks)
        for (const u64 pan : {u64{0}, kPan})
            fn(mode | mask | pan | kFlags);
    for (const u64 flags : kNzcv)
        fn(mode | kDaif | flags);
}

void entry_from(u64 mode) {
    use_stage2();
    each_state(mode, fault_from);
    if (need::dit())
        fault_from(mode | kDaif | kDit);
    if (need::ssbs())
        fault_from(mode | kDaif | kSsbs);
    fault_from(mode | kDaif | kUao);
}

}  // namespace

void case_entry_el1h() { entry_from(5); }
void case_entry_el1t() { entry_from(4); }
void case_entry_el0() { entry_from(0); }

// From EL2 to itself, with either stack pointer.
void case_entry_el2() {
    for (const u64 mode : {9, 8})
        for (const u64 pan : {u64{0}, kPan})
            for (const u64 flags : kNzcv) {
                const u64 spsr = mode | kDaif | pan | flags;
                const Frame f = run_l2(el2_hvc, {.spsr = spsr});
                TAKEN(f, mode == 9 ? kVectorSync : 0);
                EQUAL("ESR_EL2", f.esr, esr_of(kEcHvc, 0x4a7));
                check_entry(f, spsr, pan);
            }
}

// With E2H and TGE, and only then, SCTLR_EL2.SPAN 0 sets PAN.
void case_entry_span() {
    const u64 sctlr = READ("sctlr_el2");
    for (const u64 span : {u64{0}, kSpan}) {
        WRITE("sctlr_el2", (sctlr & ~kSpan) | span);
        set_hcr(kHcr | kTge);
        for (const u64 pan : {u64{0}, kPan}) {
            const Frame f = run_l2(l2_svc, {.spsr = kEl0t | pan});
            TAKEN(f, kVectorLower);
            EQUAL("ESR_EL2", f.esr, esr_of(kEcSvc, 0x2a));
            check_entry(f, kEl0t | pan, span ? pan : kPan);
        }
        set_hcr(kHcr);
        const Frame f = run_l2(l2_hvc, {.spsr = kEl1h});
        IS_HVC(f, kDone);
        check_entry(f, kEl1h, 0);
    }
    WRITE("sctlr_el2", sctlr);
    isb();
}

// What ERET takes from SPSR_EL2 is what L2 runs with.
static void arrives(u64 spsr) {
    const Frame f = run_l2(l2_state, {.spsr = spsr});
    IS_HVC(f, kDone);
    EQUAL("NZCV in L2", f.x[0], spsr & kFlags);
    EQUAL("DAIF in L2", f.x[1], spsr & kDaif);
    EQUAL("SPSel in L2", f.x[4], spsr & 1);
    EQUAL("CurrentEL in L2", f.x[5], 1 << 2);
    EQUAL("PAN in L2", f.x[6], spsr & kPan);
    EQUAL("UAO in L2", f.x[7], spsr & kUao);
    EQUAL("SPSR_EL2", f.spsr, spsr);
}
void case_eret_state_el1() {
    for (const u64 mode : {5, 4}) {
        each_state(mode, arrives);
        arrives(mode | kDaif | kUao);
    }
    if (need::dit())
        for (const u64 dit : {u64{0}, kDit})
            EQUAL("DIT in L2", run_l2(l2_dit, {.spsr = kEl1h | dit}).x[0], dit);
    if (need::ssbs())
        for (const u64 ssbs : {u64{0}, kSsbs})
            EQUAL("SSBS in L2", run_l2(l2_ssbs, {.spsr = kEl1h | ssbs}).x[0], ssbs);
}
void case_eret_state_el0() {
    each_state(0, [](u64 spsr) {
        const Frame f = run_l2(l2_flags, {.spsr = spsr});
        IS_HVC(f, kL2Vector + 8);
        EQUAL("NZCV in L2", f.x[0], spsr & kFlags);
        // SCTLR_EL1.SPAN is 1 in kSctlrOff: L2's EL1 keeps PAN.
        EQUAL("SPSR_EL1", READ("spsr_el12"), spsr);
    });
}

// Every mode that is none: the return stays at EL2, takes flags and masks all the same, and sets IL.
// AArch64.IllegalExceptionReturn; HCR_EL2.RW is 1, so that AArch32 below and at EL2 is illegal too.
void case_illegal_eret_modes() {
    for (const u64 mode : {0x1, 0x2, 0x3, 0x6, 0x7, 0xa, 0xb, 0xc, 0xd, 0xe, 0xf, 0x13, 0x16, 0x1a, 0x1f})
        for (const u64 rest : {u64{0}, kDaif, kDaif | kFlags, kDaif | kPan, bit(30) | bit(8)}) {
            const Frame f = run_l2(l2_hvc, {.spsr = mode | rest});
            TAKEN(f, kVectorSync);
            EQUAL("ESR_EL2", f.esr, esr_of(kEcIllegal, 0));
            EQUAL("ELR_EL2", f.elr, reinterpret_cast<u64>(l2_hvc));
            EQUAL("SPSR_EL2", f.spsr & (kFlags | kPan | kDaif | kIllegal | 0x1f), rest | kIllegal | 9);
            EQUAL("DAIF at the vector", f.daif, kDaif);
        }
}

}  // namespace nest::guests
