// SPDX-License-Identifier: GPL-2.0-only
// Which register is at an offset of a frame: the two .def tables, searched.
#pragma once
#include <base/partition_point.hpp>
#include <vgic/intid.hpp>

namespace nest::vgic {

enum class What : u8 {
    Raz, DistControl, DistType, DistIdentity, DistType2, RedistControl, RedistIdentity, RedistType, Propbaser,
    Pendbaser, InvalidateLpi, InvalidateAllLpis, Identification, Group, SetEnable, ClearEnable, SetPending, ClearPending, SetActive, ClearActive,
    Priority, Config, Router
};

inline constexpr u8 W8 = 1, W32 = 4, W64 = 8;  // a width is its own bit: 1, 4, 8 bytes

struct RegisterRange {
    u32 offset;
    u16 bytes;
    u8 bits;    // per interrupt, or 0
    u8 widths;
    What what;
};

inline constexpr RegisterRange kDistributorRegisters[] = {
#define GICD(name, offset, bytes, bits, widths, what) {offset, bytes, bits, widths, What::what},
#include <vgic/mmio/gicd_registers.def>
#undef GICD
};
inline constexpr RegisterRange kRedistributorRegisters[] = {
#define GICR(name, offset, bytes, bits, widths, what) {offset, bytes, bits, widths, What::what},
#include <vgic/mmio/gicr_registers.def>
#undef GICR
};

template <size_t N>
constexpr const RegisterRange* find_register(const RegisterRange (&table)[N], u32 offset) {
    const size_t behind = partition_point(N, [&](size_t i) { return table[i].offset <= offset; });
    if (behind == 0 || offset - table[behind - 1].offset >= table[behind - 1].bytes)
        return nullptr;
    return &table[behind - 1];
}

template <size_t N>
consteval bool sorted_without_overlap(const RegisterRange (&table)[N]) {
    for (size_t i = 1; i < N; i++)
        if (table[i - 1].offset + table[i - 1].bytes > table[i].offset)
            return false;
    return true;
}
static_assert(sorted_without_overlap(kDistributorRegisters) && sorted_without_overlap(kRedistributorRegisters));

// The register for an access, or null where the frame has none of that width, alignment or interrupt number.
// `interrupts`: how many there are.
constexpr const RegisterRange* match_register(bool redistributor, u32 offset, unsigned length, unsigned interrupts) {
    const RegisterRange* r = redistributor ? find_register(kRedistributorRegisters, offset)
                                           : find_register(kDistributorRegisters, offset);
    if (!r || !(length == 1 || length == 4 || length == 8) || !(r->widths & length) || offset % length)
        return nullptr;
    if (r->bits && (offset - r->offset) * 8 / r->bits >= interrupts)
        return nullptr;
    return r;
}

}  // namespace nest::vgic
