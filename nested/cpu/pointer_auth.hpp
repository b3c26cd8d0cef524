// SPDX-License-Identifier: GPL-2.0-only
// Authentication of ERETAA's and ERETAB's return address in software: [DDI0487] D8.10, AArch64.AuthIA and AuthIB.
//
// AUTIA at EL2 would not do: it uses the host's TCR_EL2 and SCTLR_EL2, and the guest's key A is not in hardware by then
// (vhe/enter.S). PACGA with the guest's key in APGAKey computes the same code: upper 32 bits of the result.
#pragma once
#include <nested/vel2/features.hpp>

namespace nest::nested {

// Where the code is in a signed address of the EL2&0 regime under E2H.
struct PacLayout {
    u64 mask;  // the code's bits
    bool tbi;  // the top byte is ignored for instruction addresses
};
PacLayout pac_layout(u64 tcr, bool upper_half);

struct Authenticated {
    u64 address;
    bool ok;
};
// `code` is PACGA's result for canonical_address(); `key_b` as the instruction says.
Authenticated check_pac(u64 signed_address, u64 code, const PacLayout& layout, Pac pac, bool key_b);

// `address` without its code: bit 55 extended.
constexpr u64 canonical_address(u64 address, u64 mask) {
    return address >> 55 & 1 ? address | mask : address & ~mask;
}

}  // namespace nest::nested
