// SPDX-License-Identifier: GPL-2.0-only
#include <nested/vel2/register_masks.hpp>

namespace nest::nested {

RegisterMasks::RegisterMasks(const Features& features) : has_sve_(features.has(Feature::kSve)) {
    for (size_t m = 0; m < detail::kMaskedCount; m++)
        ones_[m] = detail::kMasked[m].res1;
#define BITS(reg, feature, bits)        \
    if (features.has(Feature::feature)) \
        writable_[detail::kMaskedRow<arch::SysReg::reg>] |= (bits);
#define ONES(reg, feature, bits)         \
    if (!features.has(Feature::feature)) \
        ones_[detail::kMaskedRow<arch::SysReg::reg>] |= (bits);
#include <nested/vel2/register_masks.def>
    // A register that the VM does not have has no bits, whatever features its bits belong to. L1 can write such a register
    // all the same, where hardware has it: NV2 makes the access one to the VNCR page, before any trap.
#define EL2_REGISTER(name, kind, feature, reset, shown)               \
    if (constexpr size_t m = detail::kMaskedRow<arch::SysReg::name>;  \
        m != detail::kMaskedCount && !features.has(Feature::feature)) \
        writable_[m] = 0;
#include <nested/vel2/el2_registers.def>
#undef EL2_REGISTER
    for (size_t m = 0; m < detail::kMaskedCount; m++)
        writable_[m] &= ~ones_[m];
}

// A switch, for speed.
u64 RegisterMasks::apply(arch::SysReg reg, u64 value) const {
    switch (reg) {
#define MASKED(name, res1)                                          \
    case arch::SysReg::name: {                                      \
        constexpr size_t row = detail::kMaskedRow<arch::SysReg::name>; \
        return (value & writable_[row]) | ones_[row];               \
    }
#include <nested/vel2/register_masks.def>
    default: return value;
    }
}

u64 RegisterMasks::apply_without_e2h(arch::SysReg reg, u64 value) const {
    switch (reg) {
    case arch::SysReg::CPTR_EL2: return cptr_without_e2h(value);
    case arch::SysReg::CNTHCTL_EL2: return cnthctl_without_e2h(arch::CNTHCTL_EL2::of(value)).raw;
    default: return apply(reg, value);
    }
}

}  // namespace nest::nested
