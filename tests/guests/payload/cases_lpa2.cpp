// SPDX-License-Identifier: GPL-2.0-only
// FEAT_LPA2: tables with DS set, in which two bits of the output address take the place of the shareability, and 52 bits of VA by
// five levels. [DDI0487] D8.3
#include <initializer_list>

#include "../bare/check.hpp"
#include "../bare/stage2.hpp"
#include "address_translation.hpp"
#include "cases.hpp"
#include "features.hpp"
#include "l2_memory.hpp"

namespace nest::guests {
namespace {

constexpr u64 kIpa = kWindow + 0x5000;
constexpr u64 kShareable = 3 << 8;  // in descriptors without DS; with DS bits 51:50 of the output
constexpr u64 kDs = bit(32);        // VTCR_EL2
constexpr u64 kMostLowVa = 12;      // T0SZ of 52 bits

alignas(4096) u64 minus_one[16], level0[512];

void need_lpa2() {
    if (!need::lpa2())
        skip("no FEAT_LPA2");
}

void use_wide_stage2() {
    use_stage2();
    for (u64 i = 0; i < 512; i++) {
        if ((stage2.level2[i] & 3) == kBlock)
            stage2.level2[i] &= ~kShareable;
        stage2.level3[i] &= ~kShareable;
    }
    WRITE("vtcr_el2", READ("vtcr_el2") | kDs);
    tlbi_guest();
}

void set(u64 ipa, u64 page, u64 more = 0) { stage2.set(ipa, page | (kAll & ~kShareable) | kPage | more); }

// VA 51:48 of 0 and 3: what use_stage1() has at VA bits 47:0.
void use_wide_stage1() {
    use_stage1();
    minus_one[0] = minus_one[3] = reinterpret_cast<u64>(level0) | kTable;
    level0[0] = reinterpret_cast<u64>(stage1) | kTable;
    dsb();
    WRITE("ttbr0_el12", minus_one);
    WRITE("tcr_el12", kMostLowVa | bit(23) | u64{kFortyBits} << 32 | bit(59));
    isb();
    asm volatile("tlbi vmalle1is\n\tdsb sy\n\tisb" ::: "memory");
}

}  // namespace

void case_lpa2_stage2() {
    need_lpa2();
    use_wide_stage2();
    set(kIpa, kPageA);
    sees(kIpa, kValueA);
    for (const u64 high : {bit(8), bit(9), bit(48)}) {
        stage2.set(kIpa, 0);
        tlbi_ipa(kIpa);
        set(kIpa, kPageA, high);
        IS_ABORT(load(kIpa), kEcDataLower, 3);  // address size fault, level 3
    }
}

// The base of a range is in units of 64 KiB then.
void case_lpa2_range() {
    need_lpa2();
    if (!need::tlbi_range())
        skip("no TLBI by range");
    use_wide_stage2();
    set(kIpa, kPageA);
    sees(kIpa, kValueA);
    set(kIpa, kPageB);
    const u64 sixteen_pages = range(kIpa >> 4, 0, 7);
    asm volatile("tlbi ripas2e1is, %0\n\tdsb sy\n\ttlbi vmalle1is\n\tdsb sy\n\tisb" ::"r"(sixteen_pages) : "memory");
    sees(kIpa, kValueB);
}

void case_lpa2_stage1() {
    need_lpa2();
    use_wide_stage1();
    memory64(kPageA) = kValueA;
    const u64 far = u64{3} << 48 | kPageA;
    sees(far, kValueA);
    translates(AT("s1e1r", far + 0x123), kPageA);
    fails(AT("s1e1r", u64{5} << 48), 0x2b, 1);  // translation fault, level -1
}

}  // namespace nest::guests
