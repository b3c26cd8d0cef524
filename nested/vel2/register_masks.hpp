// SPDX-License-Identifier: GPL-2.0-only
// RES0 and RES1 of L1's EL2 registers. FEAT_NV2 lets L1 write anything into the VNCR page, so the rules are applied
// when a value is read for use, not when it is stored.
#pragma once
#include <nested/vel2/features.hpp>
#include <vncr/register_file.hpp>

namespace nest::nested {

namespace detail {
enum class Masked : u8 {
#define MASKED(reg, res1) reg,
#include <nested/vel2/register_masks.def>
    kCount
};
constexpr Masked masked(arch::SysReg reg) {
    switch (reg) {
#define MASKED(name, res1) \
    case arch::SysReg::name: return Masked::name;
#include <nested/vel2/register_masks.def>
    default: return Masked::kCount;
    }
}
}  // namespace detail

// One per VM, computed when its ID registers are fixed; constant from then on.
class RegisterMasks {
public:
    explicit RegisterMasks(const Features& features = {});

    // `value` as the register would hold it; unchanged for a register without rules.
    u64 apply(arch::SysReg reg, u64 value) const;
    template <typename R>
    R apply(R value) const {
        constexpr detail::Masked m = detail::masked(R::kReg);
        static_assert(m != detail::Masked::kCount, "no row in register_masks.def");
        return R::of((value.raw & writable_[static_cast<unsigned>(m)]) | kRes1[static_cast<unsigned>(m)]);
    }
    // L1's register R, as it acts.
    template <typename R>
    R get(const vncr::RegisterFile& file) const {
        return apply(file.get<R>());
    }

private:
    static constexpr unsigned kCount = static_cast<unsigned>(detail::Masked::kCount);
    static constexpr u64 kRes1[kCount] = {
#define MASKED(reg, res1) res1,
#include <nested/vel2/register_masks.def>
    };
    u64 writable_[kCount] = {};
};

}  // namespace nest::nested
