// SPDX-License-Identifier: GPL-2.0-only
#include <nested/cpu/pointer_auth.hpp>

namespace nest::nested {
namespace {

constexpr u64 bits(unsigned high, unsigned low) { return (~u64{0} >> (63 - high)) & (~u64{0} << low); }

}  // namespace

// CalculateBottomPACBit and EffectiveTBI, TCR_EL2 in its E2H layout: T0SZ 5:0, T1SZ 21:16, TBI0/1 37/38, TBID0/1 51/52.
PacLayout pac_layout(u64 tcr, bool upper_half) {
    u64 size = tcr >> (upper_half ? 16 : 0) & 0x3f;
    constexpr u64 kSmallest = 16, kLargest = 39;  // no FEAT_LVA, no FEAT_TTST: the VM's TCR cannot mean more
    size = size < kSmallest ? kSmallest : size > kLargest ? kLargest : size;
    const bool tbi = tcr >> (upper_half ? 38 : 37) & 1;
    const bool data_only = tcr >> (upper_half ? 52 : 51) & 1;
    const u64 code = bits(54, static_cast<unsigned>(64 - size));
    if (tbi && !data_only)
        return {code, true};
    return {code | bits(63, 56), false};
}

Authenticated check_pac(u64 signed_address, u64 code, const PacLayout& layout, Pac pac, bool key_b) {
    const u64 good = canonical_address(signed_address, layout.mask);
    if (((code ^ signed_address) & layout.mask) == 0)
        return {good, true};
    if (pac >= Pac::kXor)
        return {(signed_address ^ code) & layout.mask ? (signed_address ^ (code & layout.mask)) : good, false};
    // FEAT_PAuth without PAuth2: an error code makes the address one that faults.
    const unsigned at = layout.tbi ? 53 : 61;
    return {(good & ~(u64{3} << at)) | u64{key_b ? 2u : 1u} << at, false};
}

}  // namespace nest::nested
