// SPDX-License-Identifier: GPL-2.0-only
// Registers of 64 bits that are written whole or by halves.
#pragma once
#include <base/types.hpp>

namespace nest::vgic {

// `old` after a write of 4 or 8 bytes at that offset from the register, or from anything 8-byte aligned.
constexpr u64 merge_half(u64 old, u32 offset, unsigned bytes, u64 value) {
    if (bytes == 8)
        return value;
    const unsigned shift = 8 * (offset & 4);
    return (old & ~(u64{0xffffffff} << shift)) | (value & 0xffffffff) << shift;
}

}  // namespace nest::vgic
