// SPDX-License-Identifier: GPL-2.0-only
// What tests and benchmarks of nested/ feed it.
#pragma once
#include <nested/vel2/features.hpp>

namespace nest::nested {

// But E2H 0 and NV1: HCR_EL2.E2H is RES1.
inline Features every_feature() {
    Features f;
    for (unsigned i = 0; i < static_cast<unsigned>(Feature::kCount); i++)
        f.set(static_cast<Feature>(i), true);
    return f.set(Feature::kE2h0, false).set(Feature::kNv1, false);
}

// ESR_EL2 of a trapped MSR, MRS or system instruction.
constexpr u64 sysreg_esr(arch::Encoding e, bool is_read, unsigned rt = 3) {
    return u64{0x18} << 26 | 1 << 25 | u64{e.op0()} << 20 | u64{e.op2()} << 17 | u64{e.op1()} << 14 |
           u64{e.crn()} << 10 | rt << 5 | u64{e.crm()} << 1 | is_read;
}

}  // namespace nest::nested
