// SPDX-License-Identifier: GPL-2.0-only
// AT at EL2 for L2's regime, and PAR_EL1.
#include "../bare/check.hpp"
#include "../bare/stage2.hpp"
#include "address_translation.hpp"
#include "cases.hpp"

namespace nest::guests {
namespace {

constexpr u64 kIpa = kWindow + 0x9000;

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
