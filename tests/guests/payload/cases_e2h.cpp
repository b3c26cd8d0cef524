// SPDX-License-Identifier: GPL-2.0-only
// EL2 with HCR_EL2.E2H 0: what names mean, what the registers' own layouts say, and the way from one E2H to the other and back.
#include <initializer_list>

#include "../bare/check.hpp"
#include "../bare/own_stage1.hpp"
#include "../bare/stage2.hpp"
#include "../bare/stubs.hpp"
#include "cases.hpp"
#include "features.hpp"

STUB(l2_own_registers, "mrs x0, sctlr_el1; mrs x1, vbar_el1; mrs x3, contextidr_el1; mrs x4, cntkctl_el1; mrs x5, cpacr_el1;"
                       "msr contextidr_el1, x6");
STUB(l2_virtual_timer, "mrs x0, cntv_ctl_el0; mrs x1, cntv_cval_el0; mrs x3, cntvct_el0; mov x4, #0; msr cntv_ctl_el0, x4");
STUB(l2_physical_timer, "mrs x0, cntp_ctl_el0; mrs x1, cntp_cval_el0");
STUB(l2_float, ".arch_extension fp\n\tfmov x0, d0");

namespace nest::guests {
namespace {

constexpr u64 kHcrWithoutE2h = kHcr & ~kE2h;
constexpr u64 kCptrRes1 = 0x33ff, kTfp = bit(10);

u64 saved_l1_vectors;

// From here on E2H is 0, and L2 is as every case finds it, by the names that there are now.
void choose_e2h_0() {
    if (need::id(READ("s3_0_c0_c7_4"), 24) || !need::id(READ("id_aa64mmfr1_el1"), 8))
        skip("E2H is not L1's to choose");
    set_hcr(kHcrWithoutE2h);
    WRITE("cptr_el2", kCptrRes1);
    WRITE("cnthctl_el2", 3);
    WRITE("sctlr_el1", kSctlrOff);
    WRITE("vbar_el1", l2_vectors);
    WRITE("cpacr_el1", 3 << 20);
    saved_l1_vectors = READ("vbar_el2");
}

void read_el12_name() { READ("sctlr_el12"); }
void read_el02_name() { READ("cntv_ctl_el02"); }
void use_float() { asm volatile(".arch_extension fp\n\tfmov x0, d0\n\t.arch_extension nofp" ::: "x0"); }
void take_svc() { asm volatile("svc #0x55"); }

}  // namespace

void case_e2h0_el1_names() {
    choose_e2h_0();
    const u64 own = READ("sctlr_el2");
    WRITE("contextidr_el1", 0x77);
    WRITE("cntkctl_el1", 3);
    EQUAL("SCTLR_EL2 after a write of SCTLR_EL1", READ("sctlr_el2"), own);
    EQUAL("VBAR_EL2 after a write of VBAR_EL1", READ("vbar_el2"), saved_l1_vectors);
    const Frame f = run_l2(l2_own_registers);
    IS_HVC(f, kDone);
    EQUAL("SCTLR_EL1", f.x[0], kSctlrOff);
    EQUAL("VBAR_EL1", f.x[1], reinterpret_cast<u64>(l2_vectors));
    EQUAL("CONTEXTIDR_EL1", f.x[3], 0x77);
    EQUAL("CNTKCTL_EL1", f.x[4], 3);
    EQUAL("CPACR_EL1", f.x[5], 3 << 20);
    EQUAL("CONTEXTIDR_EL1, as L2 wrote it", READ("contextidr_el1"), f.x[6]);
    // The exception registers of L2 are not EL2's.
    WRITE("elr_el1", 0x1234);
    WRITE("spsr_el1", kEl0t);
    WRITE("esr_el1", 0x99);
    WRITE("far_el1", 0x5678);
    const u64 elr = READ("elr_el2"), esr = READ("esr_el2");
    CHECK("ELR_EL2", elr != 0x1234);
    CHECK("ESR_EL2", esr != 0x99);
    EQUAL("ELR_EL1", READ("elr_el1"), 0x1234);
    EQUAL("SPSR_EL1", READ("spsr_el1"), kEl0t);
    EQUAL("FAR_EL1", READ("far_el1"), 0x5678);
}

void case_e2h0_no_el12_names() {
    choose_e2h_0();
    for (const Code read : {read_el12_name, read_el02_name}) {
        const Frame f = protect(read);
        TAKEN(f, kVectorSync);
        EQUAL("ESR_EL2.EC", ec(f.esr), kEcUnknown);
    }
}

// Hardware takes it to EL1, which is EL2 here, without anyone's help.
void case_e2h0_exception_to_self() {
    choose_e2h_0();
    const Frame f = protect(take_svc);
    TAKEN(f, kVectorSync);
    EQUAL("ESR_EL2", f.esr, esr_of(kEcSvc, 0x55));
    EQUAL("SPSR_EL2.M", f.spsr & 0x1f, 9);
    EQUAL("ELR_EL2", memory32(f.elr - 4), 0xd4000aa1);  // SVC #0x55
}

void case_e2h0_levels() {
    choose_e2h_0();
    for (const u64 mode : {kEl1h, kEl1t}) {
        const Frame f = run_l2(l2_hvc, {.spsr = mode});
        IS_HVC(f, kDone);
        EQUAL("SPSR_EL2", state(f.spsr), mode);
    }
    const Frame f = run_l2(l2_svc, {.spsr = kEl0t});
    CHECK("an SVC at EL0 is EL1's", is_hvc(f, kL2Vector + 8));
    set_hcr(kHcrWithoutE2h | kTge);
    const Frame illegal = run_l2(l2_hvc);
    TAKEN(illegal, kVectorSync);
    EQUAL("ESR_EL2.EC", ec(illegal.esr), kEcIllegal);
}

void case_e2h0_fp_trap() {
    choose_e2h_0();
    IS_HVC(run_l2(l2_float), kDone);
    EQUAL("vector", protect(use_float).vector, kNoException);
    WRITE("cptr_el2", kCptrRes1 | kTfp);
    isb();
    EQUAL("CPTR_EL2", READ("cptr_el2"), kCptrRes1 | kTfp);
    const Frame l2 = run_l2(l2_float);
    TAKEN(l2, kVectorLower);
    EQUAL("ESR_EL2.EC from L2", ec(l2.esr), kEcFp);
    const Frame own = protect(use_float);
    TAKEN(own, kVectorSync);
    EQUAL("ESR_EL2.EC from EL2", ec(own.esr), kEcFp);
}

void case_e2h0_timer_traps() {
    choose_e2h_0();
    IS_HVC(run_l2(l2_physical_timer), kDone);
    WRITE("cnthctl_el2", 1);  // EL1PCEN clear
    const Frame f = run_l2(l2_physical_timer);
    TAKEN(f, kVectorLower);
    EQUAL("ESR_EL2.EC", ec(f.esr), kEcSystem);
    EQUAL("CNTHCTL_EL2", READ("cnthctl_el2"), 1);
}

void case_e2h0_timers() {
    choose_e2h_0();
    constexpr u64 kFar = u64{1} << 62, kOffset = 0x1'0000'0000;
    WRITE("cntvoff_el2", kOffset);
    WRITE("cntv_cval_el0", kFar);
    WRITE("cntv_ctl_el0", 3);
    isb();
    EQUAL("CNTV_CTL_EL0 at EL2", READ("cntv_ctl_el0") & 3, 3);
    const Frame f = run_l2(l2_virtual_timer);
    IS_HVC(f, kDone);
    EQUAL("CNTV_CTL_EL0", f.x[0] & 3, 3);
    EQUAL("CNTV_CVAL_EL0", f.x[1], kFar);
    CHECK("CNTVCT_EL0 has L1's offset", READ("cntpct_el0") - kOffset - f.x[3] < READ("cntfrq_el0") * 60);
    EQUAL("CNTV_CTL_EL0 after L2", READ("cntv_ctl_el0") & 3, 0);
    const u64 virtual_count = READ("cntvct_el0");
    CHECK("CNTVCT_EL0 at EL2 has the offset, too", READ("cntpct_el0") - kOffset - virtual_count < READ("cntfrq_el0") * 60);
    WRITE("cntp_cval_el0", kFar + 1);
    WRITE("cntp_ctl_el0", 2);
    const Frame p = run_l2(l2_physical_timer);
    EQUAL("CNTP_CTL_EL0", p.x[0] & 3, 2);
    EQUAL("CNTP_CVAL_EL0", p.x[1], kFar + 1);
    // EL2's own timer is another one.
    WRITE("cnthp_cval_el2", 0);
    WRITE("cnthp_ctl_el2", 3);
    isb();
    EQUAL("CNTHP_CTL_EL2", READ("cnthp_ctl_el2"), 7);
    EQUAL("CNTP_CTL_EL0 beside it", READ("cntp_ctl_el0") & 3, 2);
    WRITE("cnthp_ctl_el2", 0);
}

// One range, one privilege: AP[1] and PXN mean nothing, UXN is XN.
void case_e2h0_stage1() {
    choose_e2h_0();
    build(own_stage1);
    constexpr u64 kOwnVa = kOwnWindow + 0x5000;
    own_stage1.set(kOwnVa, kPageA | kOwn | kPage);
    memory64(kPageA) = kValueA;
    WRITE("mair_el2", 0x0044);
    WRITE("tcr_el2", bit(31) | bit(23) | kFortyBits << 16 | 25);
    WRITE("ttbr0_el2", own_stage1.ttbr(0));
    asm volatile("tlbi alle2\n\tdsb sy\n\tisb" ::: "memory");
    switch_mmu(true);
    EQUAL("what lies there", memory64(kOwnVa), kValueA);
    asm volatile("at s1e2r, %0\n\tisb" ::"r"(kOwnVa));
    EQUAL("PAR_EL1", READ("par_el1") & 0xffff'ffff'f001, kPageA);
    // Another page, after its TLBI by address.
    memory64(kPageB) = kValueB;
    own_stage1.set(kOwnVa, kPageB | kOwn | kPage);
    asm volatile("tlbi vae2, %0\n\tdsb sy\n\tisb" ::"r"(kOwnVa >> 12) : "memory");
    EQUAL("what lies there then", memory64(kOwnVa), kValueB);
    own_stage1.set(kOwnVa, kPageB | kOwn | bit(7) | kPage);  // read-only
    asm volatile("tlbi vae2is, %0\n\tdsb sy\n\tisb" ::"r"(kOwnVa >> 12) : "memory");
    const Frame f = protect([] { memory64(kOwnVa) = 1; });
    TAKEN(f, kVectorSync);
    EQUAL("ESR_EL2.EC", ec(f.esr), kEcData);
    EQUAL("FSC", fsc(f.esr), kPermission | 3);
    EQUAL("FAR_EL2", f.far, kOwnVa);
    EQUAL("SPSR_EL2.M", f.spsr & 0x1f, 9);
    const Frame high = protect([] { [[maybe_unused]] const u64 value = memory64(kHighHalf + kRam); });
    TAKEN(high, kVectorSync);
    EQUAL("FSC of the upper half", fsc(high.esr), kTranslation);
    // L2 has its stage 1 off: the same addresses, and EL2's tables mean nothing to it.
    IS_HVC(run_l2(l2_hvc), kDone);
    EQUAL("after L2", memory64(kOwnVa), kValueB);
    switch_mmu(false);
}

void case_e2h0_stage2() {
    choose_e2h_0();
    use_stage2();
    set_hcr(kHcrWithoutE2h | kVm);
    WRITE("cptr_el2", kCptrRes1);
    WRITE("sctlr_el1", kSctlrOff);
    const Frame f = run_l2(l2_load, {.x3 = kWindow});
    IS_ABORT(f, kEcDataLower, kTranslation | 3);
    EQUAL("HPFAR_EL2", READ("hpfar_el2") >> 4, kWindow >> 12);
    stage2.set(kWindow, kPageA | kAll | kPage);
    memory64(kPageA) = kValueA;
    dsb();
    const Frame again = run_l2(l2_load, {.x3 = kWindow});
    IS_HVC(again, kDone);
    EQUAL("what L2 read", again.x[0], kValueA);
}

// From one to the other at run time, as a boot loader hands over: the registers keep their bits.
void case_e2h_changes() {
    choose_e2h_0();
    for (int round = 0; round < 3; round++) {
        WRITE("contextidr_el1", 0x11 + round);     // L2's
        WRITE("tpidr_el2", READ("tpidr_el2"));
        set_hcr(kHcr);
        EQUAL("CONTEXTIDR_EL12", READ("contextidr_el12"), 0x11 + round);
        WRITE("contextidr_el1", 0x2222);           // EL2's own
        EQUAL("VBAR_EL1 is VBAR_EL2 with E2H", READ("vbar_el1"), saved_l1_vectors);
        EQUAL("CPTR_EL2 keeps its bits", READ("cptr_el2") & bit(10), 0);
        WRITE("cptr_el2", 3 << 20 | 3 << 16);
        IS_HVC(run_l2(l2_hvc), kDone);
        set_hcr(kHcrWithoutE2h);
        WRITE("cptr_el2", kCptrRes1);
        EQUAL("CONTEXTIDR_EL2", READ("contextidr_el2"), 0x2222);
        EQUAL("CONTEXTIDR_EL1", READ("contextidr_el1"), 0x11 + round);
        EQUAL("HCR_EL2.E2H", READ("hcr_el2") & kE2h, 0);
        IS_HVC(run_l2(l2_hvc), kDone);
    }
}

// A kernel begins where another has left EL2 with E2H (kexec), and finds out whether E2H can be 0 as Linux does: by no access that
// traps while NV2 is on.
void case_e2h_probed_by_the_next_kernel() {
    choose_e2h_0();
    set_hcr(kHcr);
    build(own_stage1);
    use_own_stage1(own_stage1, 1);
    for (int round = 0; round < 2; round++) {
        switch_mmu(false);
        CHECK("the MMU is off", !(READ("sctlr_el2") & 1));
        u64 found;
        asm volatile("msr hcr_el2, %1\n\tisb\n\tmsr far_el1, %2\n\tisb\n\tmsr far_el2, %3\n\tisb\n\tmrs %0, far_el1"
                     : "=&r"(found)
                     : "r"(kHcrWithoutE2h), "r"(u64{1}), "r"(u64{2}));
        EQUAL("FAR_EL1 is not FAR_EL2", found, 1);
        EQUAL("FAR_EL2", READ("far_el2"), 2);
        set_hcr(kHcr);
        EQUAL("FAR_EL12", READ("far_el12"), 1);
        switch_mmu(true);
    }
    switch_mmu(false);
}

}  // namespace nest::guests
