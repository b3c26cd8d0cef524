// SPDX-License-Identifier: GPL-2.0-only
// SVE's registers in memory: Z0 to Z31 of one vector each, then P0 to P15 and FFR of an eighth of a vector each, little-endian
// ([DDI0487] C7, LDR and STR of a vector or a predicate).
#pragma once
#include <base/types.hpp>
#include <cstddef>

namespace nest::vhe {

inline constexpr unsigned kSveQuadword = 16;  // vectors are multiples of 128 bits; "vq": the number of these
inline constexpr unsigned kSveMaxVq = 16;
inline constexpr unsigned kZRegisters = 32, kPRegisters = 16;

// Sets of lengths have a bit for each number of quadwords less one.
constexpr unsigned longest_vq(u32 lengths) { return lengths ? 32 - static_cast<unsigned>(__builtin_clz(lengths)) : 0; }
constexpr u32 lengths_up_to(unsigned vq) { return vq ? (u32{2} << (vq - 1)) - 1 : 0; }

constexpr size_t sve_image_bytes(unsigned vq) {
    return (kZRegisters * 8 + kPRegisters + 1) * size_t{vq} * kSveQuadword / 8;
}
constexpr size_t z_offset(unsigned vq, unsigned n) { return size_t{n} * vq * kSveQuadword; }
// n = kPRegisters: FFR.
constexpr size_t p_offset(unsigned vq, unsigned n) { return z_offset(vq, kZRegisters) + size_t{n} * vq * kSveQuadword / 8; }

}  // namespace nest::vhe
