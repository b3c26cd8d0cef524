// SPDX-License-Identifier: GPL-2.0-only
// A register is a type; its fields are types inside it. A field of another register does not compile.
//
//   struct HCR_EL2 : Layout<HCR_EL2> { using NV2 = Bit<45>; using VSE = Bit<8>; };
//   auto hcr = HCR_EL2{}.with<HCR_EL2::NV2>(1);
#pragma once
#include <base/types.hpp>

namespace nest::arch {

template <typename Reg>
struct Layout {
    u64 raw = 0;

    template <unsigned Hi, unsigned Lo>
    struct Field {
        static_assert(Lo <= Hi && Hi < 64);
        using Register = Reg;
        static constexpr unsigned kLow = Lo;
        static constexpr unsigned kWidth = Hi - Lo + 1;
        static constexpr u64 kMax = kWidth == 64 ? ~u64{0} : (u64{1} << (kWidth % 64)) - 1;
        static constexpr u64 kMask = kMax << Lo;
    };
    template <unsigned N>
    using Bit = Field<N, N>;

    template <typename F>
    constexpr u64 get() const {
        static_assert(__is_same(typename F::Register, Reg), "that field belongs to another register");
        return (raw & F::kMask) >> F::kLow;
    }
    template <typename F>
    [[nodiscard]] constexpr Reg with(u64 value) const {
        static_assert(__is_same(typename F::Register, Reg), "that field belongs to another register");
        Reg r;
        r.raw = (raw & ~F::kMask) | ((value << F::kLow) & F::kMask);
        return r;
    }
    static constexpr Reg of(u64 v) {
        Reg r;
        r.raw = v;
        return r;
    }
    // The mask of several fields at once: HCR_EL2::mask<HCR_EL2::TSC, HCR_EL2::TWI>().
    template <typename... F>
    static constexpr u64 mask() {
        static_assert((__is_same(typename F::Register, Reg) && ...), "that field belongs to another register");
        return (F::kMask | ... | 0);
    }
    constexpr bool operator==(const Layout&) const = default;
};

}  // namespace nest::arch
