// SPDX-License-Identifier: GPL-2.0-only
// Memory copy and memory set (FEAT_MOPS) below EL2: HCRX_EL2.MSCEn allows them, and MCE2 takes their exceptions to EL2.
// [DDI0487] C3.2.13, D24.2.56 HCRX_EL2.
#include <initializer_list>

#include "../bare/check.hpp"
#include "../bare/stubs.hpp"
#include "cases.hpp"
#include "features.hpp"

// SETP, SETM, SETE [x0]!, x3!, x1 and CPYFP, CPYFM, CPYFE [x0]!, [x1]!, x3!, which older assemblers do not know
STUB(l2_set, ".inst 0x19c10460; .inst 0x19c14460; .inst 0x19c18460");
STUB(l2_copy, ".inst 0x19010460; .inst 0x19410460; .inst 0x19810460");

namespace nest::guests {
namespace {

constexpr u64 kMscEn = bit(11), kMce2 = bit(10);
constexpr u64 kEcMops = 0x27, kWrongOption = bit(17), kCarry = bit(29);
constexpr u64 kFrom = kRam + (4 << 20), kTo = kFrom + 0x1000, kBytes = 0x180, kGuard = 0x100;

unsigned char& byte(u64 address) { return *reinterpret_cast<unsigned char*>(address); }

void allow(u64 bits) {
    WRITE("s3_4_c1_c2_2", bits);  // HCRX_EL2
    isb();
}

void need_mops() {
    if (!need::mops() || !need::hcx())
        skip("no FEAT_MOPS");
    reset_l2();
}

void prepare_copy() {
    for (u64 i = 0; i < kBytes; i++)
        byte(kFrom + i) = static_cast<unsigned char>(i * 7 + 1);
    for (u64 i = 0; i < kBytes + kGuard; i++)
        byte(kTo + i) = 0x5a;
    dsb();
}

void check_copy() {
    u64 wrong = 0;
    for (u64 i = 0; i < kBytes + kGuard; i++)
        wrong += byte(kTo + i) != (i < kBytes ? byte(kFrom + i) : 0x5a);
    EQUAL("bytes that are not as copied", wrong, 0);
}

// Starts with the main instruction, as if a CPU of option A (the count is negative) or B had executed the prologue.
Frame resume_copy(u64 mode, bool option_a) {
    prepare_copy();
    const u64 main = reinterpret_cast<u64>(l2_copy) + 4;
    return option_a ? run_l2_at(main, {.spsr = mode, .x0 = kTo + kBytes, .x1 = kFrom + kBytes, .x3 = -kBytes})
                    : run_l2_at(main, {.spsr = mode | kCarry, .x0 = kTo, .x1 = kFrom, .x3 = kBytes});
}

}  // namespace

void case_mops_enable() {
    need_mops();
    allow(kMscEn);
    prepare_copy();
    Frame f = run_l2(l2_copy, {.x0 = kTo, .x1 = kFrom, .x3 = kBytes});
    IS_HVC(f, kDone);
    EQUAL("what is left", f.x[3], 0);
    check_copy();
    f = run_l2(l2_set, {.x0 = kTo, .x1 = 0x5a, .x3 = kBytes});
    IS_HVC(f, kDone);
    EQUAL("the last byte", byte(kTo + kBytes - 1), 0x5a);

    allow(0);
    f = run_l2(l2_copy, {.x0 = kTo, .x1 = kFrom, .x3 = kBytes});
    IS_HVC(f, kL2Vector + 4);
    EQUAL("ESR_EL1", READ("esr_el12"), esr_of(0, 0));
    EQUAL("ELR_EL1", READ("elr_el12"), reinterpret_cast<u64>(l2_copy));
}

// A copy that a CPU of another option has begun. The hypervisor that takes the exception sees it; the one below makes it unseen.
void case_mops_option() {
    need_mops();
    allow(kMscEn);
    for (const bool option_a : {true, false}) {
        const Frame f = resume_copy(kEl1h, option_a);
        IS_HVC(f, kDone);
        EQUAL("what is left", f.x[3], 0);
        check_copy();
    }
    allow(kMscEn | kMce2);
    unsigned taken = 0;
    for (const bool option_a : {true, false}) {
        const Frame f = resume_copy(kEl1h, option_a);
        if (is_hvc(f, kDone))
            continue;
        taken++;
        TAKEN(f, kVectorLower);
        EQUAL("ESR_EL2.EC", ec(f.esr), kEcMops);
        EQUAL("ESR_EL2.ISS: WrongOption, registers", f.esr & (kWrongOption | 0x7fff), kWrongOption | 0 << 10 | 1 << 5 | 3);
        EQUAL("ELR_EL2", f.elr, reinterpret_cast<u64>(l2_copy) + 4);
    }
    EQUAL("options that are wrong here", taken, 1);
}

// At EL2 itself.
void case_mops_el2() {
    need_mops();
    for (const bool option_a : {true, false}) {
        const Frame f = resume_copy(9 | kDaif, option_a);
        TAKEN(f, kVectorSync);
        EQUAL("ESR_EL2", f.esr, esr_of(kEcHvc, kDone));
        check_copy();
    }
}

}  // namespace nest::guests
