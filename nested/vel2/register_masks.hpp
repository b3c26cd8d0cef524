// SPDX-License-Identifier: GPL-2.0-only
// RES0 and RES1 of L1's EL2 registers. FEAT_NV2 lets L1 write anything into the VNCR page, so the rules are applied
// when a value is read for use, not when it is stored.
#pragma once
#include <nested/vel2/features.hpp>
#include <vncr/register_file.hpp>

namespace nest::nested {

namespace detail {
struct MaskedRegister {
    arch::SysReg reg;
    u64 res1;
};
inline constexpr MaskedRegister kMasked[] = {
#define MASKED(reg, res1) {arch::SysReg::reg, res1},
#include <nested/vel2/register_masks.def>
};
inline constexpr size_t kMaskedCount = sizeof(kMasked) / sizeof(kMasked[0]);
constexpr size_t masked_row(arch::SysReg reg) {
    size_t row = 0;
    while (row < kMaskedCount && kMasked[row].reg != reg)
        row++;
    return row;
}
// The row of a register, or kMaskedCount.
template <arch::SysReg kReg>
inline constexpr size_t kMaskedRow = masked_row(kReg);
}  // namespace detail

// One per VM, computed when its ID registers are fixed; constant from then on.
class RegisterMasks {
public:
    explicit RegisterMasks(const Features& features = {});

    // `value` with RES0 and RES1 applied; unchanged for a register without rules. Any context.
    u64 apply(arch::SysReg reg, u64 value) const;
    template <typename R>
    R apply(R value) const {
        constexpr size_t row = detail::kMaskedRow<R::kReg>;
        static_assert(row != detail::kMaskedCount, "no row in register_masks.def");
        return R::of((value.raw & writable_[row]) | ones_[row]);
    }
    // L1's register R, as it acts.
    template <typename R>
    R get(const vncr::RegisterFile& file) const {
        return apply(file.get<R>());
    }

    // The same with E2H 0, which gives CPTR_EL2 and CNTHCTL_EL2 another layout ([DDI0487] D24.2.33, D24.10.2).
    u64 apply_without_e2h(arch::SysReg reg, u64 value) const;
    u64 cptr_without_e2h(u64 value) const {
        // TCPAC, TAM, TTA, TFP; TZ with SVE, else RES1, as TSM is.
        constexpr u64 kExists = 0xc010'0400, kRes1 = 0x32ff, kTz = 0x100;
        return (value & (kExists | (has_sve_ ? kTz : 0))) | kRes1 | (has_sve_ ? 0 : kTz);
    }
    arch::CNTHCTL_EL2 cnthctl_without_e2h(arch::CNTHCTL_EL2 value) const {
        constexpr u64 kOnlyWithE2h = 0xf00;  // EL1PTEN, EL1PCTEN, EL0PTEN, EL0VTEN
        return arch::CNTHCTL_EL2::of(apply(value).raw & ~kOnlyWithE2h);
    }

private:
    u64 writable_[detail::kMaskedCount] = {};
    u64 ones_[detail::kMaskedCount] = {};
    bool has_sve_ = false;
};

}  // namespace nest::nested
