// SPDX-License-Identifier: GPL-2.0-only
// AT at EL2 for L2's regime, and PAR_EL1.
#include "../bare/check.hpp"
#include "../bare/stage2.hpp"
#include "cases.hpp"

#define AT(operation, address)                                                     \
    ({                                                                             \
        asm volatile("at " operation ", %0\n\tisb" ::"r"(u64(address)) : "memory"); \
        READ("par_el1");                                                           \
    })

namespace nest::guests {
namespace {

constexpr u64 kIpa = kWindow + 0x9000;

void translates(u64 par, u64 address) {
    EQUAL("PAR_EL1.F (and the rest)", (par & 1) ? par : 0, 0);
    EQUAL("PAR_EL1.PA", field(par, 47, 12), address >> 12);
}

void fails(u64 par, u64 fst, u64 stage) {
    EQUAL("PAR_EL1.F", par & 1, 1);
    EQUAL("PAR_EL1.FST", field(par, 6, 1), fst);
    EQUAL("PAR_EL1.PTW", field(par, 8, 8), 0);
    EQUAL("PAR_EL1.S", field(par, 9, 9), stage - 1);
}

}  // namespace

void case_at_off() { translates(AT("s1e1r", 0x4012'3456), 0x4012'3456); }

void case_at_mapped() {
    use_stage1();
    stage1[2] = kRam | kStage1Block;        // VA 2 GiB
    dsb();
    translates(AT("s1e1r", 0x8012'3456), 0x4012'3456);
    translates(AT("s1e1w", 0x8012'3456), 0x4012'3456);
}

void case_at_fault() {
    use_stage1();
    fails(AT("s1e1r", 0xc012'3456), kTranslation | 1, 1);
}

void case_at_read_only() {
    use_stage1();
    stage1[2] = kRam | kStage1Block | kStage1ReadOnly;
    dsb();
    translates(AT("s1e1r", 0x8012'3456), 0x4012'3456);
    fails(AT("s1e1w", 0x8012'3456), kPermission | 1, 1);
}

void case_at_s12_mapped() {
    use_stage2();
    use_stage1();
    stage1[2] = kRam | kStage1Block;
    stage2.set(kIpa, kPageB | kAll | kPage);
    translates(AT("s12e1r", kIpa + 0x4000'0000 + 0x123), kPageB);
    translates(AT("s1e1r", kIpa + 0x4000'0000 + 0x123), kIpa);
}

void case_at_s12_fault() {
    use_stage2();
    use_stage1();
    fails(AT("s12e1r", kIpa), kTranslation | 3, 2);
}

}  // namespace nest::guests
