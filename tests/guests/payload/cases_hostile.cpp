// SPDX-License-Identifier: GPL-2.0-only
// What an L1 may try: L2 pointed at devices, state changed under a running L2, features that it was not given.
#include <initializer_list>

#include "../bare/check.hpp"
#include "../bare/gic.hpp"
#include "../bare/smp.hpp"
#include "../bare/stage2.hpp"
#include "../bare/stubs.hpp"
#include "cases.hpp"
#include "features.hpp"
#include "l2_memory.hpp"
#include "list_registers.hpp"

STUB(l2_read_vncr_el2, "mrs x0, s3_4_c2_c2_0");
STUB(el2_write_vncr, "msr s3_4_c2_c2_0, x0");

namespace nest::guests {
namespace {

constexpr u64 kIpa = kWindow + 0xb000;
constexpr u64 kTyper = 4, kPriorities = 0x400;      // GICD_TYPER, GICD_IPRIORITYR

void set(u64 ipa, u64 entry) { stage2.set(ipa, entry); }

}  // namespace

// L1 gives L2 its own GIC: the same device, and no more permission than L1's leaf has.
void case_s2_gic() {
    use_stage2();
    constexpr u64 kSpi = kPriorities + 40, kOwn = 0x5050'5050, kL2s = 0x2020'2020;
    distributor(kSpi) = kOwn;
    set(kIpa, kDistributor | kAll | kPage);
    const Frame typer = load(kIpa + kTyper);
    IS_HVC(typer, kDone);
    EQUAL("GICD_TYPER in L2", typer.x[0], distributor(kTyper));
    IS_HVC(run_l2(l2_store, {.x0 = kL2s, .x3 = kIpa + kSpi}), kDone);
    EQUAL("what L2 wrote", distributor(kSpi), kL2s);
    set(kIpa, 0);
    tlbi_ipa(kIpa);
    set(kIpa, kDistributor | kNormal | kAccessed | kReadable | kPage);
    const Frame f = run_l2(l2_store, {.x0 = kOwn, .x3 = kIpa + kSpi});
    IS_ABORT(f, kEcDataLower, kPermission | 3);
    EQUAL("nothing was written", distributor(kSpi), kL2s);
}

// Tables in a device are not read: an external abort on the walk, as where nothing is.
void case_s2_vttbr_in_gic() {
    use_stage2();
    WRITE("vttbr_el2", u64{1} << 48 | kDistributor);
    tlbi_guest();
    const Frame f = run_l2(l2_hvc);
    IS_ABORT(f, kEcFetchLower, 0x15);
}

// L2's own table lies where L1 has no memory: L2's walk ends in a bus error, L2's EL1 hears of it.
void case_s1_table_outside() {
    use_stage2();
    use_stage1();
    set(kIpa, kNothing | kAll | kPage);
    stage1[3] = kIpa | kTable;
    dsb();
    const Frame f = load(u64{3} << 30);
    IS_HVC(f, kL2Vector + 4);
    EQUAL("ESR_EL1.EC", ec(READ("esr_el12")), kEcData);
    EQUAL("ESR_EL1 FSC", fsc(READ("esr_el12")), 0x16);
    EQUAL("FAR_EL1", READ("far_el12"), u64{3} << 30);
}

// Without FEAT_NV its bits of HCR_EL2 are RES0 and EL2's registers do not exist in L2, whatever VNCR_EL2 would say. L1
// can write both without an exit.
void case_nv_not_given() {
    if (need::nv())
        skip("L1 has FEAT_NV itself");
    for (const u64 page : {kPageA, kNothing, u64{0xffff'ffff'ffff'f000}, u64{0x0123'4567'89ab'cdef}}) {
        // At EL2 itself. UNDEFINED, or it is written and the stub's HVC comes.
        const Frame f = run_l2(el2_write_vncr, {.spsr = kEl2h, .x0 = page});
        TAKEN(f, kVectorSync);
        CHECK("UNDEFINED or HVC", f.esr == esr_of(kEcUnknown, 0) || f.esr == esr_of(kEcHvc, kDone));
        for (const u64 nv : {kNv, kNv | kNv2, kNv | kNv1 | kNv2}) {
            memory64(kPageA + 0x90) = 0x1234;     // where TPIDR_EL2 would be
            set_hcr(kHcr | nv);
            for (const Code code : {l2_read_tpidr_el2, l2_write_tpidr_el2, l2_read_vncr_el2}) {
                const Frame undefined = run_l2(code, {.x1 = 0x5678});
                IS_HVC(undefined, kL2Vector + 4);
                EQUAL("ESR_EL1", READ("esr_el12"), esr_of(kEcUnknown, 0));
                EQUAL("ELR_EL1", READ("elr_el12"), reinterpret_cast<u64>(code));
            }
            set_hcr(kHcr);
            EQUAL("memory at VNCR_EL2", memory64(kPageA + 0x90), 0x1234);
        }
    }
}

namespace {

volatile u64 started, stop, done_rounds, bad_value, bad_esr;

// Whatever the tables say at the moment: L2 reads, or L1 gets an abort. Nothing else.
void second_reads() {
    use_tables(stage2, 1);
    while (!stop) {
        const Frame f = load(kIpa);
        const bool own_abort = is_hvc(f, kL2Vector + 4) && ec(READ("esr_el12")) == kEcData;
        const bool abort = f.vector == kVectorLower && (ec(f.esr) == kEcDataLower || ec(f.esr) == kEcFetchLower);
        if (!own_abort && !abort && !is_hvc(f, kDone))
            bad_esr = f.esr;
        done_rounds = done_rounds + 1;
        started = 1;
    }
    stop = 2;
}

}  // namespace

// Live descriptors change without break-before-make or TLBI, while another vCPU's L2 runs on them.
void case_s2_live_changes() {
    constexpr u64 kEntries[] = {
        kPageA | kAll | kPage, kPageB | kAll | kPage, 0, kPageA | kAll | kBlock, kNothing | kAll | kPage,
        kPageA | kNormal | kReadable | kPage, kPageB | kNormal | kAccessed | kPage, kDistributor | kAll | kPage,
        bit(41) | kAll | kPage, ~u64{0}, kPageA | kAll | kPage | bit(52),
    };
    use_stage2();
    volatile u64& middle = stage2.level2[kIpa >> 21 & 511];
    const u64 table = middle;
    const u64 itself = reinterpret_cast<u64>(stage2.level2) | kTable, block = (kIpa & ~u64{0x1f'ffff}) | kAll | kBlock;
    const u64 kMiddles[] = {table, table, 0, block, itself, kNothing | kTable, table};
    set(kIpa, kPageA | kAll | kPage);
    start_second(second_reads);
    WAIT_FOR("vCPU 1", started);
    for (u64 i = 0; i < 3000; i++) {
        set(kIpa, kEntries[i % (sizeof kEntries / sizeof *kEntries)]);
        middle = kMiddles[i / 3 % (sizeof kMiddles / sizeof *kMiddles)];
        dsb();
        if (i % 5 == 0)
            tlbi_ipa(kIpa);
        if (i % 97 == 0)
            tlbi_guest();
    }
    middle = table;
    set(kIpa, 0);
    tlbi_guest();
    set(kIpa, kPageB | kAll | kPage);
    const u64 before = done_rounds;
    WAIT_FOR("vCPU 1 goes on", done_rounds > before + 2);
    stop = 1;
    WAIT_FOR("vCPU 1's end", stop == 2);
    EQUAL("an exception that is none of them, ESR_EL2", bad_esr, 0);
    const Frame f = load(kIpa);
    IS_HVC(f, kDone);
    EQUAL("value after the TLBI", f.x[0], kValueB);
}

namespace {

void bad(const Frame& f) {
    bad_esr = f.esr;
    bad_value = f.x[0];
}

// HCR_EL2.VM on and off, each with its VMID, as HCR_EL2.VM may be cached in a TLB.
void second_toggles() {
    while (!stop) {
        use_tables(stage2, 1);
        const Frame on = load(kIpa);
        if (!is_hvc(on, kDone) || on.x[0] != kValueA)
            bad(on);
        WRITE("vttbr_el2", stage2.vttbr(3));
        set_hcr(kHcr);
        const Frame off = load(kPageB);
        if (!is_hvc(off, kDone) || off.x[0] != kValueB)
            bad(off);
        done_rounds = done_rounds + 1;
        started = 1;
    }
    stop = 2;
}

}  // namespace

void case_hcr_vm_other_vcpu() {
    use_stage2();
    set(kIpa, kPageA | kAll | kPage);
    start_second(second_toggles);
    WAIT_FOR("vCPU 1", started);
    for (u64 i = 0; i < 300; i++) {
        i % 3 ? tlbi_guest() : tlbi_ipa(kIpa);
        set_hcr(i & 1 ? kHcr : kHcr | kVm);
        IS_HVC(run_l2(l2_hvc), kDone);
    }
    const u64 before = done_rounds;
    WAIT_FOR("vCPU 1 goes on", done_rounds > before + 2);
    stop = 1;
    WAIT_FOR("vCPU 1's end", stop == 2);
    EQUAL("ESR_EL2 of a wrong exit", bad_esr, 0);
    EQUAL("a wrong value", bad_value, 0);
}

namespace {

constexpr u64 kSgi = 5, kInterrupts = 150;

// Runs a piece of L2 to its end, however often SGIs take it out.
Frame run_through(Code code, u64 x0) {
    Frame f = run_l2(code, {.x0 = x0});
    while (f.vector == kVectorLowerIrq) {
        const u64 intid = gic_acknowledge();
        if (intid != 1023)
            gic_end(intid);
        done_rounds = done_rounds + (intid == kSgi);
        f = run_l2_at(f.elr, {.spsr = f.spsr, .x0 = f.x[0]});
    }
    return f;
}

void second_injects() {
    use_lrs(kEn);
    gic_enable(kSgi);
    started = 1;
    for (u64 i = 0; i < kInterrupts; i++) {
        const u64 intid = 48 + i % 8;
        WRITE("ich_lr0_el2", lr(intid, 0x80));
        const Frame taken = run_through(l2_ack, 0);
        IS_HVC(taken, kDone);
        EQUAL("INTID", taken.x[0], intid);
        EQUAL("state: active", state_of(READ("ich_lr0_el2")), 2);
        IS_HVC(run_through(l2_end, intid), kDone);
        EQUAL("state: invalid", state_of(READ("ich_lr0_el2")), 0);
        const Frame none = run_through(l2_ack, 0);
        IS_HVC(none, kDone);
        EQUAL("INTID with nothing left", none.x[0], 1023);
    }
    stop = 1;
}

// Not all the time: L2 must come to an instruction between two of them.
bool send_sgi_and_see() {
    gic_send(kSgi, 1);
    wait_part_of_second(1000);
    return stop;
}

}  // namespace

// List registers are filled and read back while another vCPU takes L2 out again and again.
void case_lr_under_sgis() {
    gic_init();
    start_second(second_injects);
    WAIT_FOR("vCPU 1", started);
    WAIT_FOR("vCPU 1's end", send_sgi_and_see());
    CHECK("SGIs came in between", done_rounds > 3);
}

}  // namespace nest::guests
