// SPDX-License-Identifier: GPL-2.0-only
// FEAT_NV2 for L2: which of its instructions are memory, which are another register, and which trap.
#include "cases.hpp"
#include "features.hpp"
#include "vncr.hpp"

// A stub for each row: x0 = what the register had, and then it has x1; or the instruction that traps.
#define VNCR_REGISTER(name, offset, needs) STUB(vncr_##name, "mrs x0, " #name "; msr " #name ", x1");
#define VNCR_TRAP(name, instruction) STUB(vncr_trap_##name, instruction);
#include "../vncr.def"
#undef VNCR_REGISTER
#undef VNCR_TRAP

STUB(l2_el2_aliases, "mrs x0, elr_el2; mrs x4, spsr_el2; mrs x5, esr_el2; mrs x6, far_el2;"
                     "msr elr_el2, x1; msr spsr_el2, x3; msr esr_el2, x1; msr far_el2, x1; mrs x7, far_el1");
STUB(l2_current_el, "mrs x0, currentel");

namespace nest::guests {
namespace {

struct Register {
    Code exchange;
    const char* name;
    u64 offset;
    bool (*needs)();
};

constexpr Register kRegisters[] = {
#define VNCR_REGISTER(name, offset, needs) {vncr_##name, #name, offset, need::needs},
#define VNCR_TRAP(name, instruction)
#include "../vncr.def"
#undef VNCR_REGISTER
#undef VNCR_TRAP
};

struct Trap {
    Code code;
    const char* name;
};

constexpr Trap kTraps[] = {
#define VNCR_REGISTER(name, offset, needs)
#define VNCR_TRAP(name, instruction) {vncr_trap_##name, #name},
#include "../vncr.def"
#undef VNCR_REGISTER
#undef VNCR_TRAP
};

// No two words of the page are alike, and none is zero.
constexpr u64 pattern(u64 offset) { return 0x5a5a'0000'c3c3'0000 | offset << 32 | offset; }

void fill_page() {
    for (u64 offset = 0; offset < 0x1000; offset += 8)
        memory64(vncr_page(0) + offset) = pattern(offset);
    dsb();
}

void check_page() {
    for (u64 offset = 0; offset < 0x1000; offset += 8)
        EQUAL("a word of the page that no access had", memory64(vncr_page(0) + offset), pattern(offset));
}

}  // namespace

void case_vncr_redirect() {
    start_nv2();
    fill_page();
    for (const Register& row : kRegisters) {
        if (!row.needs())
            continue;
        const u64 value = ~pattern(row.offset);
        const Frame f = run_l2(row.exchange, {.x1 = value});
        TAKEN(f, kVectorLower);
        EQUAL(row.name, f.esr, esr_of(kEcHvc, kDone));
        EQUAL(row.name, f.x[0], pattern(row.offset));
        volatile u64& word = memory64(vncr_page(0) + row.offset);
        EQUAL(row.name, word, value);
        word = pattern(row.offset);
    }
    check_page();
}

void case_vncr_traps() {
    start_nv2();
    fill_page();
    for (const Trap& row : kTraps) {
        const u32 word = memory32(reinterpret_cast<u64>(row.code));
        const Frame f = run_l2(row.code, {.x1 = kSctlrOff, .x3 = 0});
        TAKEN(f, kVectorLower);
        EQUAL(row.name, f.esr, row.code == vncr_trap_eret ? esr_of(kEcEret, 0) : system_syndrome(word));
        EQUAL("ELR_EL2", f.elr, reinterpret_cast<u64>(row.code));
        EQUAL("SPSR_EL2", state(f.spsr), kEl1h);
    }
    check_page();
}

// These are EL1's registers, and no memory.
void case_vncr_aliases() {
    start_nv2();
    fill_page();
    WRITE("elr_el12", 0x4000'1110);
    WRITE("spsr_el12", kEl0t);
    WRITE("esr_el12", 0x3330);
    WRITE("far_el12", 0xffff'0000'4444'0000);
    const Frame f = run_l2(l2_el2_aliases, {.x1 = 0x7ff0, .x3 = kEl1t});
    IS_HVC(f, kDone);
    EQUAL("ELR_EL2 in L2", f.x[0], 0x4000'1110);
    EQUAL("SPSR_EL2 in L2", f.x[4], kEl0t);
    EQUAL("ESR_EL2 in L2", f.x[5], 0x3330);
    EQUAL("FAR_EL2 in L2", f.x[6], 0xffff'0000'4444'0000);
    EQUAL("FAR_EL1 in L2", f.x[7], 0x7ff0);
    EQUAL("ELR_EL1", READ("elr_el12"), 0x7ff0);
    EQUAL("SPSR_EL1", READ("spsr_el12"), kEl1t);
    EQUAL("ESR_EL1", READ("esr_el12"), 0x7ff0);
    EQUAL("FAR_EL1", READ("far_el12"), 0x7ff0);
    check_page();
}

// L2 believes that it is at EL2, by CurrentEL and by what its own exceptions save. L1 knows better.
void case_vncr_current_el() {
    start_nv2();
    const Frame f = run_l2(l2_current_el);
    IS_HVC(f, kDone);
    EQUAL("CurrentEL in L2", f.x[0], 2 << 2);
    EQUAL("SPSR_EL2", state(f.spsr), kEl1h);
    struct {
        u64 from, vector, saved;
    } const kModes[] = {{kEl1h, 4, kEl2h}, {kEl1t, 0, kDaif | 8}, {kEl0t, 8, kEl0t}};
    for (const auto& mode : kModes)
        for (const Code code : {l2_undefined, l2_svc}) {
            const Frame own = run_l2(code, {.spsr = mode.from});
            IS_HVC(own, kL2Vector + mode.vector);
            EQUAL("SPSR_EL1", state(READ("spsr_el12")), mode.saved);
            EQUAL("SPSR_EL2", state(own.spsr), kEl1h);
        }
}

// MDSCR_EL1 has no other name: it is memory for each NV2 guest, but a trap of L1 comes first.
void case_vncr_mdscr() {
    start_nv2();
    fill_page();
    const u64 mdcr = READ("mdcr_el2");
    WRITE("mdcr_el2", mdcr | bit(9));       // TDA
    isb();
    const Frame f = run_l2(vncr_mdscr_el1);
    TAKEN(f, kVectorLower);
    EQUAL("ESR_EL2", f.esr, system_syndrome(memory32(reinterpret_cast<u64>(vncr_mdscr_el1))));
    check_page();
    WRITE("mdcr_el2", mdcr);
    isb();
    const Frame free = run_l2(vncr_mdscr_el1, {.x1 = 0x1234});
    IS_HVC(free, kDone);
    EQUAL("MDSCR_EL1 in L2", free.x[0], pattern(0x158));
    EQUAL("the word of the page", memory64(vncr_page(0) + 0x158), 0x1234);
}

// NV2 is for EL1: L2's EL0 has no EL2 registers, and without NV and NV2 its EL1 has none either.
void case_vncr_off() {
    start_nv2();
    fill_page();
    for (const u64 hcr : {kHcrNv2, kHcr | kVm})
        for (const Code code : {l2_read_tpidr_el2, l2_write_tpidr_el2, vncr_hcr_el2, vncr_sctlr_el12}) {
            set_hcr(hcr);
            IS_HVC(run_l2(code, {.spsr = kEl0t, .x1 = 0x1234}), kL2Vector + 8);
            EQUAL("ESR_EL1", READ("esr_el12"), esr_of(kEcUnknown, 0));
            set_hcr(kHcr | kVm);
            const Frame f = run_l2(code, {.x1 = 0x1234});
            IS_HVC(f, kL2Vector + 4);
            EQUAL("ESR_EL1", READ("esr_el12"), esr_of(kEcUnknown, 0));
            EQUAL("ELR_EL1", READ("elr_el12"), reinterpret_cast<u64>(code));
            EQUAL("SPSR_EL1", state(READ("spsr_el12")), kEl1h);
        }
    check_page();
    const Frame level = run_l2(l2_current_el);
    IS_HVC(level, kDone);
    EQUAL("CurrentEL in L2", level.x[0], 1 << 2);
    set_hcr(kHcrNv2);
    lands(vncr_page(0), 0x4321);
}

}  // namespace nest::guests
