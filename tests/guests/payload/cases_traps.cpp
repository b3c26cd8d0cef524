// SPDX-License-Identifier: GPL-2.0-only
// The table of trap controls, each with and without its trap.
#include "../bare/check.hpp"
#include "../bare/stubs.hpp"
#include "cases.hpp"
#include "features.hpp"

// A stub for each row, named after its line.
#define NAME_OF_(line) trap_row_##line
#define NAME_OF(line) NAME_OF_(line)
#define TEXT_OF_(line) "trap_row_" #line
#define TEXT_OF(line) TEXT_OF_(line)
#define TRAP(name, instruction, control, bit, needs, syndrome, after) \
    extern "C" void NAME_OF(__LINE__)();                              \
    STUB_TEXT(TEXT_OF(__LINE__), instruction);
#include "../traps.def"
#undef TRAP

STUB(l2_wfe, "wfe");
STUB(l2_wfe_twice, "wfe; wfe");

namespace nest::guests {
namespace {

enum Control { hcr, mdcr, cptr, cnthctl, ich_hcr, hfgrtr, hfgwtr, hfgitr, hdfgrtr, hdfgwtr };
enum After { runs, own, smc, zva };

struct Row {
    Code code;
    Control control;
    int bit;
    bool (*needs)();
    u64 syndrome;
    After after;
};

constexpr u64 kWfxIss = esr_of(kEcWfx, 1 << 24 | 0xe << 20);    // COND is AL, TI is WFI
constexpr u64 kSmcIss = esr_of(kEcSmc, 0);
constexpr u64 kPsciVersion = 0x8400'0000;
constexpr u64 kScratch = kRam + (4 << 20);
constexpr u32 kWfi = 0xd503'207f;

constexpr Row kRows[] = {
#define TRAP(name, instruction, control, bit, needs, syndrome, after) \
    {NAME_OF(__LINE__), control, bit, need::needs, syndrome, after},
#include "../traps.def"
#undef TRAP
};

void flip(Control control, u64 mask) {
#define FLIP(name, reg)                   \
    case name:                            \
        WRITE(reg, READ(reg) ^ mask);     \
        break;
    switch (control) {
        FLIP(hcr, "hcr_el2")
        FLIP(mdcr, "mdcr_el2")
        FLIP(cptr, "cptr_el2")
        FLIP(cnthctl, "cnthctl_el2")
        FLIP(ich_hcr, "ich_hcr_el2")
        FLIP(hfgrtr, "s3_4_c1_c1_4")
        FLIP(hfgwtr, "s3_4_c1_c1_5")
        FLIP(hfgitr, "s3_4_c1_c1_6")
        FLIP(hdfgrtr, "s3_4_c3_c1_4")
        FLIP(hdfgwtr, "s3_4_c3_c1_5")
    }
#undef FLIP
}

void prepare(const Row& row, u32 word, bool trapped) {
    reset_l2();
    WRITE("ich_hcr_el2", 1);
    if (row.control == ich_hcr)
        set_hcr(kHcr | kImo | kFmo);        // L2 sees the virtual CPU interface
    if (word == kWfi && !trapped)
        set_hcr(kHcr | kImo | kVi);         // what wakes it, masked
    WRITE("elr_el12", reinterpret_cast<u64>(row.code) + 4);     // where L2's own ERET leads
    WRITE("spsr_el12", kEl1h);
    if (trapped)
        flip(row.control, bit(row.bit));
    isb();
}

void check_trapped(const Row& row, u32 word, const Frame& f) {
    TAKEN(f, kVectorLower);
    EQUAL("ESR_EL2", f.esr, row.syndrome ? row.syndrome : system_syndrome(word));
    EQUAL("ELR_EL2", f.elr, reinterpret_cast<u64>(row.code));
    EQUAL("SPSR_EL2", state(f.spsr), kEl1h);
}

void check_free(const Row& row, const Frame& f) {
    const bool to_l2 = is_hvc(f, kL2Vector + 4);
    const u64 esr = READ("esr_el12");
    if (row.after == own) {
        IS_HVC(f, kL2Vector + 4);
        EQUAL("ESR_EL1", esr, row.syndrome);
        return;
    }
    if (to_l2 && row.after == zva && ec(esr) == kEcData && fsc(esr) == 0x21)
        return;                         // with stage 1 off memory is Device: DC ZVA may be an alignment fault
    if (to_l2 && row.after == smc && !need::el3() && ec(esr) == kEcUnknown)
        return;                         // no EL3: SMC is undefined
    if (to_l2)
        EQUAL("ESR_EL1 of an exception in L2", esr, 0);
    IS_HVC(f, kDone);
    EQUAL("ELR_EL2", f.elr, reinterpret_cast<u64>(row.code) + 8);
}

}  // namespace

void case_traps() {
    for (u64 i = first_row; i < 2 * (sizeof kRows / sizeof kRows[0]); i++) {
        const Row& row = kRows[i / 2];
        const bool trapped = i % 2 == 0;
        if (!row.needs()) {
            skip_row("the feature is not there");
            continue;
        }
        const u32 word = *reinterpret_cast<const volatile u32*>(row.code);
        prepare(row, word, trapped);
        const Frame f = run_l2(row.code, {.x0 = kPsciVersion, .x1 = kSctlrOff, .x3 = kScratch});
        if (trapped) {
            check_trapped(row, word, f);
            flip(row.control, bit(row.bit));
            isb();
        } else {
            check_free(row, f);
        }
        pass();
    }
    finish();
}

// WFE traps only where it would suspend; the return to L2 sets the event register, so the second one may.
void case_trap_twe() {
    IS_HVC(run_l2(l2_wfe), kDone);
    set_hcr(kHcr | bit(14));
    const Frame f = run_l2(l2_wfe_twice);
    if (is_hvc(f, kDone))
        skip("WFE does not suspend here");
    TAKEN(f, kVectorLower);
    EQUAL("ESR_EL2", f.esr, kWfxIss | 1);
}

}  // namespace nest::guests
