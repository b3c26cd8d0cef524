// SPDX-License-Identifier: GPL-2.0-only
// Addresses of the four spaces, each its own type: mixing them up does not compile.
#pragma once
#include <base/types.hpp>
#include <compare>

namespace nest::arch {

inline constexpr unsigned kPageShift = 12;  // stage 2 always uses the 4 KiB granule
inline constexpr u64 kPageSize = u64{1} << kPageShift;

template <typename Tag>
struct Address {
    u64 raw = 0;

    constexpr Address() = default;
    constexpr explicit Address(u64 v) : raw(v) {}
    constexpr auto operator<=>(const Address&) const = default;

    constexpr Address operator+(u64 bytes) const { return Address(raw + bytes); }
    constexpr Address operator-(u64 bytes) const { return Address(raw - bytes); }
    constexpr u64 operator-(Address other) const { return raw - other.raw; }
    constexpr Address& operator+=(u64 bytes) { raw += bytes; return *this; }

    constexpr u64 frame() const { return raw >> kPageShift; }
    constexpr u64 offset(u64 size) const { return raw & (size - 1); }
    constexpr Address align_down(u64 size) const { return Address(raw & ~(size - 1)); }
    constexpr Address align_up(u64 size) const { return Address((raw + size - 1) & ~(size - 1)); }
    constexpr bool aligned(u64 size) const { return offset(size) == 0; }
};

using Va = Address<struct VaTag>;        // a virtual address of a guest's stage 1
using Hva = Address<struct HvaTag>;      // a user-space address of the VMM
using Ipa = Address<struct IpaTag>;      // L0's guest-physical address (canonical stage 2)
using L2Ipa = Address<struct L2IpaTag>;  // an L2 guest-physical address (shadow stage 2)
using Pa = Address<struct PaTag>;        // a physical address of the machine

constexpr u64 gfn_of(Ipa ipa) { return ipa.frame(); }
constexpr Ipa ipa_of_gfn(u64 gfn) { return Ipa(gfn << kPageShift); }

}  // namespace nest::arch
