// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/cpu/table_level.hpp>

#include <arch/layout.hpp>

namespace nest::kvm {
namespace {

struct Tcr : arch::Layout<Tcr> {
    using TG1 = Field<31, 30>;
    using T1SZ = Field<21, 16>;
    using TG0 = Field<15, 14>;
    using T0SZ = Field<5, 0>;
};

struct Half {
    unsigned size_bits;   // of its input addresses
    unsigned page_shift;  // the granule
    u64 ttbr;
};

Half half_of(const StageOneTables& t, u64 va) {
    const Tcr tcr = Tcr::of(t.tcr);
    if (va >> 55 & 1) {
        constexpr u8 shift_of_tg1[] = {12, 14, 12, 16};  // 0 is reserved
        return {64 - static_cast<unsigned>(tcr.get<Tcr::T1SZ>()), shift_of_tg1[tcr.get<Tcr::TG1>()], t.ttbr1};
    }
    constexpr u8 shift_of_tg0[] = {12, 16, 14, 12};  // 3 is reserved
    return {64 - static_cast<unsigned>(tcr.get<Tcr::T0SZ>()), shift_of_tg0[tcr.get<Tcr::TG0>()], t.ttbr0};
}

// Bits 47 down to the granule; what lies above is zero for tables inside a VM's 48 bits.
u64 table_address(u64 descriptor, unsigned page_shift) {
    return descriptor & ((u64{1} << 48) - 1) & ~((u64{1} << page_shift) - 1);
}

}  // namespace

Result<int> level_of_table_page(const StageOneTables& tables, u64 va, arch::Ipa page, DescriptorReader& memory) {
    const Half half = half_of(tables, va);
    if (half.size_bits < 16 || half.size_bits > 52)
        return Errno::kNoEnt;
    const unsigned stride = half.page_shift - 3;
    const unsigned levels = (half.size_bits - half.page_shift + stride - 1) / stride;
    // The root table may be smaller than a page, and is aligned to its size only: so no more than TTBR's bit 0 is masked off.
    u64 table = half.ttbr & ((u64{1} << 48) - 2);
    for (unsigned left = levels; left--;) {
        const unsigned shift = half.page_shift + stride * left;
        const unsigned top = left + 1 == levels ? half.size_bits : shift + stride;
        const u64 index = (va & ((u64{1} << top) - 1)) >> shift;
        const arch::Ipa at(table + index * 8);
        const int level = 3 - static_cast<int>(left);
        if (at.align_down(arch::kPageSize) == page)
            return level;
        u64 descriptor;
        if (!memory.read(at, descriptor) || (descriptor & 3) != 3)
            return Errno::kNoEnt;
        table = table_address(descriptor, half.page_shift);
    }
    return Errno::kNoEnt;
}

}  // namespace nest::kvm
