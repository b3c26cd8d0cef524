// SPDX-License-Identifier: GPL-2.0-only
// The shape of a VMSAv8-64 stage-2 table with the 4 KiB granule: [DDI0487] D8.2.9, concatenation D8.2.10.
#pragma once
#include <arch/address.hpp>
#include <arch/registers.hpp>
#include <stage2/host_features.hpp>

namespace nest::stage2 {

inline constexpr unsigned kLastLevel = 3;
inline constexpr unsigned kFirstBlockLevel = 1;  // a level-0 block would need FEAT_LPA2
inline constexpr unsigned kBitsPerLevel = 9;
inline constexpr unsigned kEntries = 1u << kBitsPerLevel;
inline constexpr unsigned kMaxConcatenationBits = 4;
inline constexpr unsigned kMinIpaBits = 32;
inline constexpr unsigned kMaxIpaBits = 48;  // VTCR_EL2.DS is 0

// log2 of the bytes that one entry at this level maps.
constexpr unsigned shift_of_level(unsigned level) { return arch::kPageShift + kBitsPerLevel * (kLastLevel - level); }
constexpr u64 span_of_level(unsigned level) { return u64{1} << shift_of_level(level); }

// The level whose leaf maps 2^shift bytes, or 0 (where no leaf can be) when none does.
constexpr unsigned level_of_shift(unsigned shift) {
    for (unsigned level = kLastLevel; level >= kFirstBlockLevel; level--)
        if (shift_of_level(level) == shift)
            return level;
    return 0;
}

// PARange and VTCR_EL2.PS share one encoding.
constexpr unsigned bits_of_parange(unsigned parange) {
    constexpr u8 bits[] = {32, 36, 40, 42, 44, 48};
    return parange < sizeof(bits) ? bits[parange] : 48;  // 52 and 56 bits need DS
}
constexpr unsigned vtcr_ps(unsigned parange) { return parange < 5 ? parange : 5; }

struct Geometry {
    u8 ipa_bits = 0;
    u8 pa_bits = 0;  // output addresses stay below 2^pa_bits
    u8 start_level = 0;
    u8 root_order = 0;  // the root is 2^root_order concatenated tables, aligned to its size

    constexpr u64 ipa_limit() const { return u64{1} << ipa_bits; }
    constexpr u64 pa_limit() const { return u64{1} << pa_bits; }
    constexpr unsigned index(u64 ipa, unsigned level) const {
        u64 i = ipa >> shift_of_level(level);
        return static_cast<unsigned>(level == start_level ? i : i % kEntries);
    }
    // Tables below the root on the way to a page: what one map() can need.
    constexpr unsigned max_new_tables() const { return kLastLevel - start_level; }
    constexpr bool valid() const { return ipa_bits != 0; }
};

// The fewest levels that reach ipa_bits with at most 16 concatenated root tables. Not valid() for sizes outside
// 32..48 bits or above what the machine's physical address size allows.
constexpr Geometry geometry_for(unsigned ipa_bits, unsigned parange) {
    unsigned pa_bits = bits_of_parange(parange);
    if (ipa_bits < kMinIpaBits || ipa_bits > kMaxIpaBits || ipa_bits > pa_bits)
        return {};
    unsigned level = 2;
    while (ipa_bits > shift_of_level(level) + kBitsPerLevel + kMaxConcatenationBits)
        level--;
    unsigned one_table = shift_of_level(level) + kBitsPerLevel;
    return {static_cast<u8>(ipa_bits), static_cast<u8>(pa_bits), static_cast<u8>(level),
            static_cast<u8>(ipa_bits > one_table ? ipa_bits - one_table : 0)};
}

// [DDI0487] D24.2.205. Walks are Inner Shareable, Write-Back Write-Allocate; hardware manages the access flag where it
// can, never the dirty state (HD stays 0: dirty logging write-protects).
constexpr arch::VTCR_EL2 vtcr_for(const Geometry& g, const HostFeatures& host) {
    using V = arch::VTCR_EL2;
    return V::of(arch::kVtcrRes1)
        .with<V::HA>(host.haf)
        .with<V::VS>(host.vmid16)
        .with<V::PS>(vtcr_ps(host.parange))
        .with<V::SH0>(3)
        .with<V::ORGN0>(1)
        .with<V::IRGN0>(1)
        .with<V::SL0>(2u - g.start_level)
        .with<V::T0SZ>(64u - g.ipa_bits);
}

static_assert(shift_of_level(3) == 12 && shift_of_level(2) == 21 && shift_of_level(1) == 30 && shift_of_level(0) == 39);
static_assert(level_of_shift(12) == 3 && level_of_shift(21) == 2 && level_of_shift(30) == 1 && level_of_shift(39) == 0);
static_assert(geometry_for(32, 5).start_level == 2 && geometry_for(32, 5).root_order == 2);
static_assert(geometry_for(34, 5).start_level == 2 && geometry_for(34, 5).root_order == 4);
static_assert(geometry_for(35, 5).start_level == 1 && geometry_for(35, 5).root_order == 0);
static_assert(geometry_for(40, 2).start_level == 1 && geometry_for(40, 2).root_order == 1);
static_assert(geometry_for(43, 5).start_level == 1 && geometry_for(43, 5).root_order == 4);
static_assert(geometry_for(44, 4).start_level == 0 && geometry_for(44, 4).root_order == 0);
static_assert(geometry_for(48, 6).start_level == 0 && geometry_for(48, 6).root_order == 0);
static_assert(!geometry_for(31, 5).valid() && !geometry_for(49, 6).valid() && !geometry_for(41, 2).valid());
namespace detail {
consteval bool every_geometry_fits() {
    for (unsigned bits = kMinIpaBits; bits <= kMaxIpaBits; bits++) {
        Geometry g = geometry_for(bits, 5);
        // The root holds exactly one entry per span, and at least the two levels that 2 MiB blocks need exist.
        u64 entries = u64{1} << (bits - shift_of_level(g.start_level));
        if (entries > u64{kEntries} << g.root_order || g.root_order > kMaxConcatenationBits || g.start_level > 2)
            return false;
        if (g.root_order && entries != u64{kEntries} << g.root_order)
            return false;
        if (g.index(g.ipa_limit() - 1, g.start_level) != entries - 1)
            return false;
        // A level-0 start is not permitted for 42 bits of PA and less (D8.2.9).
        if (g.start_level == 0 && bits <= 42)
            return false;
    }
    return true;
}
}  // namespace detail
static_assert(detail::every_geometry_fits());

}  // namespace nest::stage2
