// SPDX-License-Identifier: GPL-2.0-only
#include <nested/register_masks.hpp>

namespace nest::nested {

using detail::Masked;

RegisterMasks::RegisterMasks(const Features& features) {
#define BITS(reg, feature, bits)          \
    if (features.has(Feature::feature))   \
        writable_[static_cast<unsigned>(Masked::reg)] |= (bits);
#include <nested/register_masks.def>
    for (unsigned i = 0; i < kCount; i++)
        writable_[i] &= ~kRes1[i];
}

u64 RegisterMasks::apply(arch::SysReg reg, u64 value) const {
    switch (reg) {
#define MASKED(name, res1) \
    case arch::SysReg::name: return (value & writable_[static_cast<unsigned>(Masked::name)]) | (res1);
#include <nested/register_masks.def>
    default: return value;
    }
}

}  // namespace nest::nested
