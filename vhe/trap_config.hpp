// SPDX-License-Identifier: GPL-2.0-only
// What a guest may touch: the values of the trap-control registers while it runs.
#pragma once
#include <arch/registers.hpp>

namespace nest::vhe {

// What of FP/SIMD (FPEN) and SVE (ZEN) is open: bits 23 to 16 of CPTR_EL2, which are no others.
struct FpOpen {
    u8 bits = 0;

    static constexpr unsigned kShift = 16;
    static constexpr u8 kFp = arch::CPTR_EL2::FPEN::kMask >> kShift, kSve = arch::CPTR_EL2::ZEN::kMask >> kShift;
    constexpr bool any() const { return bits != 0; }
    constexpr bool sve() const { return bits & kSve; }
    constexpr arch::CPTR_EL2 in(arch::CPTR_EL2 closed) const { return arch::CPTR_EL2::of(closed.raw | u64{bits} << kShift); }
    constexpr FpOpen without(FpOpen other) const { return {static_cast<u8>(bits & ~other.bits)}; }
};

struct TrapConfig {
    arch::HCR_EL2 hcr;    // without VSE, which is set at an entry while a virtual SError is pending
    arch::HCRX_EL2 hcrx;
    arch::CPTR_EL2 cptr;  // FP/SIMD trapped; the switch opens it while the guest's registers are loaded
    arch::MDCR_EL2 mdcr;
    arch::HSTR_EL2 hstr;
    arch::HFGRTR_EL2 hfgrtr;
    arch::HFGWTR_EL2 hfgwtr;
    arch::HFGITR_EL2 hfgitr;
    arch::HDFGRTR_EL2 hdfgrtr;
    arch::HDFGWTR_EL2 hdfgwtr;
    arch::HAFGRTR_EL2 hafgrtr;
};

}  // namespace nest::vhe
