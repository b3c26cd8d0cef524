// SPDX-License-Identifier: GPL-2.0-only
// Exception levels: HVC, ERET, illegal returns, VHE's user, and EL2's registers.
#include "../bare/check.hpp"
#include "../bare/stubs.hpp"
#include "cases.hpp"
#include "features.hpp"

extern "C" const char the_eret[];

STUB(self_hvc, "hvc #0x4a5");
STUB(self_hvc_el2t, "hvc #0x4a6");

namespace nest::guests {

void case_currentel() { EQUAL("CurrentEL", READ("currentel"), 2 << 2); }

void case_el2_registers() {
    const u64 percpu = READ("tpidr_el2"), vectors = READ("vbar_el2");
#define KEEPS(reg, value)                         \
    do {                                          \
        WRITE(reg, value);                        \
        isb();                                    \
        EQUAL(reg, READ(reg), value);             \
    } while (0)
    KEEPS("vbar_el2", 0x4008'0800);
    WRITE("vbar_el2", vectors);
    KEEPS("tpidr_el2", 0x1234'5678'9abc'def0);
    WRITE("tpidr_el2", percpu);
    // SWIO may be RES1, and EnSCXT is RES0 without SCXTNUM_EL1.
    const u64 hcr = (need::scxtnum() ? kHcr : kHcr & ~kEnScxt) | bit(1);
    KEEPS("hcr_el2", hcr | kImo | kFmo | kAmo);
    KEEPS("hcr_el2", hcr | bit(26) | bit(30));
    KEEPS("hcr_el2", hcr);
    WRITE("hcr_el2", kHcr);
    KEEPS("vttbr_el2", u64{0x2a} << 48 | 0x4080'1000);
    KEEPS("vtcr_el2", bit(31) | 2 << 16 | 3 << 12 | 1 << 10 | 1 << 8 | 1 << 6 | 25);
    KEEPS("cntvoff_el2", 0xfedc'ba98'7654'3210);
    KEEPS("vpidr_el2", 0x410f'd0c0);
    KEEPS("vmpidr_el2", bit(31) | 0x1'0000'0203);
    KEEPS("elr_el2", 0x4000'1234);
    KEEPS("spsr_el2", kEl1h | 0xf000'0000);
    KEEPS("esr_el2", esr_of(kEcHvc, 0x55));
    KEEPS("far_el2", 0xffff'0000'4000'1234);
    KEEPS("hpfar_el2", 0x4000'10);
    KEEPS("mair_el2", 0x00ff'44bb'0004'0cff);
    KEEPS("contextidr_el2", 0x55aa'1234);
    KEEPS("afsr0_el2", READ("afsr0_el2"));
    KEEPS("ttbr0_el2", 0x4080'2000);
    KEEPS("ttbr1_el2", 0x4080'3000);
    KEEPS("sp_el1", 0x4000'2000);
#undef KEEPS
}

// EL2 reaches EL1's registers by their _EL12 names; L2 must find there what EL2 wrote, and the other way round.
STUB(exchange, "mrs x0, tpidr_el1; msr tpidr_el1, x1; mrs x3, sp_el0; mrs x4, vbar_el1; mrs x5, contextidr_el1;"
               "mrs x6, elr_el1; mrs x7, spsr_el1; mrs x8, mair_el1; mov x9, sp; mrs x10, midr_el1; mrs x11, mpidr_el1;"
               "msr elr_el1, x1; msr esr_el1, x1; msr far_el1, x1; msr mair_el1, x1");
void case_el1_registers_el12() {
    WRITE("tpidr_el1", 0x1111);
    WRITE("sp_el0", 0x2220);
    WRITE("sp_el1", 0x3330);
    WRITE("contextidr_el12", 0x4444);
    WRITE("elr_el12", 0x5554);
    WRITE("spsr_el12", kEl0t);
    WRITE("mair_el12", 0x6666);
    WRITE("vpidr_el2", 0x410f'd0c1);
    WRITE("vmpidr_el2", bit(31) | 0x302);
    const u64 own = READ("contextidr_el1");     // with E2H this is CONTEXTIDR_EL2
    const Frame f = run_l2(exchange, {.x1 = 0x7ff0});
    IS_HVC(f, kDone);
    EQUAL("TPIDR_EL1 in L2", f.x[0], 0x1111);
    EQUAL("SP_EL0 in L2", f.x[3], 0x2220);
    EQUAL("VBAR_EL1 in L2", f.x[4], reinterpret_cast<u64>(l2_vectors));
    EQUAL("CONTEXTIDR_EL1 in L2", f.x[5], 0x4444);
    EQUAL("ELR_EL1 in L2", f.x[6], 0x5554);
    EQUAL("SPSR_EL1 in L2", f.x[7], kEl0t);
    EQUAL("MAIR_EL1 in L2", f.x[8], 0x6666);
    EQUAL("SP in L2", f.x[9], 0x3330);
    EQUAL("MIDR_EL1 in L2", f.x[10], 0x410f'd0c1);
    EQUAL("MPIDR_EL1 in L2", f.x[11], bit(31) | 0x302);
    EQUAL("TPIDR_EL1", READ("tpidr_el1"), 0x7ff0);
    EQUAL("ELR_EL12", READ("elr_el12"), 0x7ff0);
    EQUAL("ESR_EL12", READ("esr_el12"), 0x7ff0);
    EQUAL("FAR_EL12", READ("far_el12"), 0x7ff0);
    EQUAL("MAIR_EL12", READ("mair_el12"), 0x7ff0);
    EQUAL("CONTEXTIDR_EL2", READ("contextidr_el1"), own);
}

void case_hvc_to_self() {
    const Frame f = protect(self_hvc);
    TAKEN(f, kVectorSync);
    EQUAL("ESR_EL2", f.esr, esr_of(kEcHvc, 0x4a5));
    EQUAL("ELR_EL2", f.elr, reinterpret_cast<u64>(self_hvc) + 4);
    EQUAL("SPSR_EL2", state(f.spsr), kEl2h);
}

void case_hvc_from_el2t() {
    const Frame f = run_l2(self_hvc_el2t, {.spsr = kDaif | 8});
    TAKEN(f, 0);
    EQUAL("ESR_EL2", f.esr, esr_of(kEcHvc, 0x4a6));
    EQUAL("SPSR_EL2", state(f.spsr), kDaif | 8);
}

static void there_and_back(u64 spsr) {
    for (int i = 0; i < 3; i++) {
        const Frame f = run_l2(l2_hvc, {.spsr = spsr, .x0 = 0x1111, .x1 = 0x2222, .x3 = 0x3333});
        IS_HVC(f, kDone);
        EQUAL("ELR_EL2", f.elr, reinterpret_cast<u64>(l2_hvc) + 4);
        EQUAL("SPSR_EL2", state(f.spsr), spsr);
        EQUAL("x0", f.x[0], 0x1111);
        EQUAL("x1", f.x[1], 0x2222);
        EQUAL("x3", f.x[3], 0x3333);
        EQUAL("CurrentEL", READ("currentel"), 2 << 2);
    }
}
void case_eret_to_el1() { there_and_back(kEl1h); }
void case_eret_to_el1t() { there_and_back(kEl1t); }

void case_l2_el0_svc() {
    const Frame f = run_l2(l2_svc, {.spsr = kEl0t});
    IS_HVC(f, kL2Vector + 8);       // synchronous, from a lower level
    EQUAL("ESR_EL1", READ("esr_el12"), esr_of(kEcSvc, 0x2a));
    EQUAL("ELR_EL1", READ("elr_el12"), reinterpret_cast<u64>(l2_svc) + 4);
    EQUAL("SPSR_EL1", state(READ("spsr_el12")), kEl0t);
    EQUAL("SPSR_EL2", state(f.spsr), kEl1h);
}

void case_l2_undefined() {
    const Frame f = run_l2(l2_undefined);
    IS_HVC(f, kL2Vector + 4);
    EQUAL("ESR_EL1", READ("esr_el12"), esr_of(kEcUnknown, 0));
    EQUAL("ELR_EL1", READ("elr_el12"), reinterpret_cast<u64>(l2_undefined));
    EQUAL("SPSR_EL1", state(READ("spsr_el12")), kEl1h);
}

// With TGE and E2H EL0 belongs to EL2: its exceptions skip EL1.
static void vhe_user(Code code, u64 esr, u64 elr) {
    set_hcr(kHcr | kTge);
    const Frame f = run_l2(code, {.spsr = kEl0t});
    set_hcr(kHcr);
    TAKEN(f, kVectorLower);
    EQUAL("ESR_EL2", f.esr, esr);
    EQUAL("ELR_EL2", f.elr, elr);
    EQUAL("SPSR_EL2", state(f.spsr), kEl0t);
}
void case_vhe_user_svc() { vhe_user(l2_svc, esr_of(kEcSvc, 0x2a), reinterpret_cast<u64>(l2_svc) + 4); }
void case_vhe_user_undefined() { vhe_user(l2_undefined, esr_of(kEcUnknown, 0), reinterpret_cast<u64>(l2_undefined)); }

// An illegal return stays at EL2, goes to ELR and sets PSTATE.IL there; the next instruction takes the exception.
static void illegal(u64 spsr, u64 more_hcr) {
    set_hcr(kHcr | more_hcr);
    const Frame f = run_l2(l2_hvc, {.spsr = spsr});
    set_hcr(kHcr);
    TAKEN(f, kVectorSync);
    EQUAL("ESR_EL2", f.esr, esr_of(kEcIllegal, 0));
    EQUAL("ELR_EL2", f.elr, reinterpret_cast<u64>(l2_hvc));
    EQUAL("SPSR_EL2", state(f.spsr), kEl2h | kIllegal);
}
void case_illegal_eret_tge() { illegal(kDaif | 4, kTge); }
void case_illegal_eret_el3() { illegal(kDaif | 13, 0); }
void case_illegal_eret_reserved() { illegal(kDaif | 7, 0); }

// IL in SPSR is no illegal return: L2 is entered and takes the exception itself.
void case_illegal_eret_il() {
    const Frame f = run_l2(l2_hvc, {.spsr = kEl1h | kIllegal});
    IS_HVC(f, kL2Vector + 4);
    EQUAL("ESR_EL1", READ("esr_el12"), esr_of(kEcIllegal, 0));
    EQUAL("ELR_EL1", READ("elr_el12"), reinterpret_cast<u64>(l2_hvc));
    EQUAL("SPSR_EL1", state(READ("spsr_el12")), kEl1h | kIllegal);
}

}  // namespace nest::guests
