// SPDX-License-Identifier: GPL-2.0-only
// SVE below EL2: lengths by ZCR_EL2 and ZCR_EL1, whose registers are whose, and the traps of CPTR_EL2. [DDI0487] D24.2 ZCR_EL2, CPTR_EL2.
#include <initializer_list>

#include "../bare/check.hpp"
#include "../bare/stubs.hpp"
#include "../patterns/registers.hpp"
#include "cases.hpp"
#include "features.hpp"

#define SVE(instructions) ".arch_extension sve\n\t" instructions "\n\t.arch_extension nosve"

STUB(l2_sve_length, SVE("rdvl x0, #1"));
STUB(l2_sve_pause, "1: subs x0, x0, #1; b.ne 1b");
STUB(l2_zcr, "mrs x0, s3_0_c1_c2_0");
// x0, x1: the sums of Z5's and P3's bytes as L2 finds them; leaves other values there.
STUB(l2_sve_exchange, SVE("ptrue p0.b; uaddv d0, p0, z5.b; fmov x0, d0; cntp x1, p0, p3.b; mov z5.b, #3; pfalse p3.b"));
STUB(l2_fp_alone, SVE("fmov d5, xzr"));
STUB(l2_fp, ".arch_extension fp\n\tfmov x0, d0\n\t.arch_extension nofp");

namespace nest::guests {
namespace {

constexpr u64 kEcSve = 0x19, kFpIss = 1 << 24 | 0xe << 20;
constexpr u64 kFpOpen = 3 << 20, kZenOpen = 3 << 16, kLongest = 15;

u64 own_length() {
    u64 bytes;
    asm volatile(SVE("rdvl %0, #1") : "=r"(bytes));
    return bytes;
}

// Z5's bytes and P3's elements.
struct Sums {
    u64 z5, p3;
};
Sums own_sums() {
    Sums s;
    asm volatile(SVE("ptrue p0.b; uaddv d0, p0, z5.b; fmov %0, d0; cntp %1, p0, p3.b") : "=r"(s.z5), "=r"(s.p3));
    return s;
}
void fill() { asm volatile(SVE("mov z5.b, #1; ptrue p3.b")); }

void set_zcr_el2(u64 value) {
    WRITE("s3_4_c1_c2_0", value);
    isb();
}

u64 longest;

void need_sve() {
    if (!need::sve())
        skip("no SVE");
    reset_l2();
    WRITE("cpacr_el12", kFpOpen | kZenOpen);
    WRITE("s3_5_c1_c2_0", kLongest);    // ZCR_EL12
    isb();
    set_zcr_el2(kLongest);
    longest = own_length();
}

u64 length_in_l2() {
    const Frame f = run_l2(l2_sve_length);
    IS_HVC(f, kDone);
    return f.x[0];
}

}  // namespace

// L2 has the shorter of what both registers allow. 128 bits there always are.
void case_sve_length() {
    need_sve();
    CHECK("a multiple of 128 bits", longest && longest % 16 == 0);
    EQUAL("L2, all open", length_in_l2(), longest);
    set_zcr_el2(0);
    EQUAL("ZCR_EL2", READ("s3_4_c1_c2_0"), 0);
    EQUAL("EL2 with ZCR_EL2.LEN 0", own_length(), 16);
    EQUAL("L2 with ZCR_EL2.LEN 0", length_in_l2(), 16);
    set_zcr_el2(kLongest);
    EQUAL("EL2 again", own_length(), longest);
    WRITE("s3_5_c1_c2_0", 0);
    isb();
    EQUAL("EL2 does not heed ZCR_EL1", own_length(), longest);
    EQUAL("L2 with ZCR_EL1.LEN 0", length_in_l2(), 16);
    const Frame f = run_l2(l2_zcr);
    EQUAL("ZCR_EL1", f.x[0], 0);
    // By its VHE name, which may be no exit.
    WRITE("s3_0_c1_c2_0", 0);
    isb();
    EQUAL("ZCR_EL2 by the name of ZCR_EL1", READ("s3_4_c1_c2_0"), 0);
    EQUAL("EL2 by it", own_length(), 16);
}

// One set of registers for EL2 and L2.
void case_sve_registers() {
    need_sve();
    fill();
    Frame f = run_l2(l2_sve_exchange);
    IS_HVC(f, kDone);
    EQUAL("Z5 in L2", f.x[0], longest);
    EQUAL("P3 in L2", f.x[1], longest);
    Sums s = own_sums();
    EQUAL("Z5 as L2 left it", s.z5, 3 * longest);
    EQUAL("P3 as L2 left it", s.p3, 0);
    fill();
    IS_HVC(run_l2(l2_fp_alone), kDone);
    s = own_sums();
    EQUAL("Z5 after a write of D5", s.z5, 0);
    EQUAL("P3 after a write of D5", s.p3, longest);
    // Long enough for the host to have done something else meanwhile.
    fill();
    for (unsigned i = 0; i < 200; i++)
        (void)READ("s3_4_c1_c2_0");
    for (unsigned i = 0; i < 20; i++)
        asm volatile("wfe");
    s = own_sums();
    EQUAL("Z5 after exits", s.z5, longest);
    EQUAL("P3 after exits", s.p3, longest);
}

// ZEN comes before FPEN.
void case_sve_traps() {
    need_sve();
    struct Trap {
        u64 cptr;
        Code code;
        u64 esr;
    };
    for (const Trap& t : {Trap{kFpOpen, l2_sve_length, esr_of(kEcSve, 0)}, Trap{kFpOpen, l2_zcr, esr_of(kEcSve, 0)},
                          Trap{kZenOpen, l2_sve_length, esr_of(kEcFp, kFpIss)}, Trap{0, l2_sve_length, esr_of(kEcSve, 0)},
                          Trap{kZenOpen, l2_fp, esr_of(kEcFp, kFpIss)}, Trap{kFpOpen, l2_fp, 0}}) {
        WRITE("cptr_el2", kFpOpen | kZenOpen);
        isb();
        fill();  // loaded for EL2: the trap is L2's alone
        WRITE("cptr_el2", t.cptr);
        isb();
        const Frame f = run_l2(t.code);
        WRITE("cptr_el2", kFpOpen | kZenOpen);
        isb();
        if (!t.esr) {
            IS_HVC(f, kDone);
            continue;
        }
        TAKEN(f, kVectorLower);
        EQUAL("ESR_EL2", f.esr, t.esr);
        EQUAL("ELR_EL2", f.elr, reinterpret_cast<u64>(t.code));
        // Where SVE traps LEN counts as 0 ([DDI0487] D24.2 ZCR_EL2), so that L2 may have left 128 bits.
        CHECK("V5 after the trap", own_sums().z5 >= 16);
    }
}

// All registers, kept across exits, L2's time, and whatever else the host does on this CPU (tests/boot/scripts/sve-leaks.sh).
void case_sve_patterns() {
    need_sve();
    static SvePattern mine, found;
    constexpr u64 kPause = 20'000;
    for (unsigned round = 0; round < 60; round++) {
        mine.make(static_cast<unsigned>(longest), READ("cntpct_el0") << 8 | round);
        found.prepare_like(mine);
        mine.load();
        if (round % 2)
            (void)run_l2(l2_sve_pause, {.x0 = kPause});
        else
            for (u64 i = 0; i < kPause; i++)
                asm volatile("");
        (void)READ("s3_4_c1_c2_0");
        found.store();
        EQUAL("bytes that differ", mine.differ(found), 0);
    }
}

// EL2's own use, by its registers' names as well.
void case_sve_traps_at_el2() {
    need_sve();
    WRITE("cptr_el2", kFpOpen);
    isb();
    for (const Code use : {Code([] { own_length(); }), Code([] { (void)READ("s3_4_c1_c2_0"); }), Code([] { WRITE("s3_0_c1_c2_0", 0); })}) {
        const Frame f = protect(use);
        TAKEN(f, kVectorSync);
        EQUAL("ESR_EL2", f.esr, esr_of(kEcSve, 0));
    }
    WRITE("cptr_el2", kFpOpen | kZenOpen);
    isb();
    EQUAL("the length is as before", own_length(), longest);
}

}  // namespace nest::guests
