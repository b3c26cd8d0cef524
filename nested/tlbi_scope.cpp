// SPDX-License-Identifier: GPL-2.0-only
#include <nested/tlbi_scope.hpp>

namespace nest::nested {
namespace {

constexpr u64 kIpaLimit = u64{1} << stage2::kMaxIpaBits;

constexpr unsigned granule_of(u64 tg) {
    constexpr u8 granules[] = {0, k4K, k16K, k64K};
    return granules[tg & 3];
}

}  // namespace

unsigned leaf_shift_of_ttl(unsigned ttl) {
    const unsigned granule = granule_of(ttl >> 2), level = ttl & 3;
    if (!granule || (level != kLastLevel && !has_blocks(granule, level)))
        return 0;
    return entry_shift(granule, level);
}

TlbiScope TlbiScope::ipa(u16 vmid, u64 operand, bool ttl_hints) {
    TlbiScope s;
    s.what = What::kIpa;
    s.vmid = vmid;
    // IPA[51:12] in bits 39:0. Above 48 bits nothing is ever mapped; whole, so that it cannot alias what is.
    s.start = (operand & 0xff'ffff'ffff) << arch::kPageShift;
    s.leaf_shift = ttl_hints ? static_cast<u8>(leaf_shift_of_ttl(operand >> 44 & 15)) : 0;
    return s;
}

TlbiRange decode_tlbi_range(u64 operand) {
    TlbiRange r;
    r.granule = static_cast<u8>(granule_of(operand >> 46));
    if (!r.granule)
        return r;
    const unsigned scale = operand >> 44 & 3;
    const u64 num = operand >> 39 & 31;
    // BaseADDR is signed for VAs of the upper half and unsigned for IPAs; this is the IPA's reading.
    r.start = (operand & 0x1f'ffff'ffff) << r.granule;
    r.bytes = (num + 1) << (5 * scale + 1) << r.granule;  // at most 2^37
    return r;
}

TlbiScope TlbiScope::ipa_range(u16 vmid, u64 operand) {
    const TlbiRange range = decode_tlbi_range(operand);
    TlbiScope s;
    s.what = What::kIpaRange;
    s.vmid = vmid;
    s.start = range.start < kIpaLimit ? range.start : kIpaLimit;
    const u64 left = kIpaLimit - s.start;
    s.bytes = range.bytes < left ? range.bytes : left;
    return s;
}

}  // namespace nest::nested
