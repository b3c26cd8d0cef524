// SPDX-License-Identifier: GPL-2.0-only
// Shareability and cacheability of a table in the guest's memory, as the GIC's table registers (GICR_PROPBASER, GITS_BASERn)
// have them: the same fields, at other places. [IHI0069] 12.11, 12.19
#pragma once
#include <base/types.hpp>

namespace nest::vgic {

// Where a register has its attributes, each a field of 3 bits. Shareability is 11:10 in all of them.
struct AttributePlaces {
    unsigned inner, outer;
};

// What the guest chose, narrowed to what a coherent machine supports.
constexpr u64 narrow_attributes(u64 value, AttributePlaces at) {
    const u64 shareability = value >> 10 & 3, inner = value >> at.inner & 7, outer = value >> at.outer & 7;
    value &= ~(u64{3} << 10 | u64{7} << at.inner | u64{7} << at.outer);
    value |= (shareability == 2 ? 1 : shareability) << 10;  // Outer Shareable to Inner Shareable
    value |= (inner <= 1 ? 3 : inner) << at.inner;          // Device and Non-cacheable to Write-back
    value |= (outer <= 1 ? outer : 0) << at.outer;          // same as inner, or Non-cacheable
    return value;
}

}  // namespace nest::vgic
