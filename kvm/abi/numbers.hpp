// SPDX-License-Identifier: GPL-2.0-only
// The flags and numbers of the KVM ABI, from numbers.def. All are non-negative and fit 32 bits.
#pragma once
#include <base/types.hpp>

namespace nest::kvm::abi {

#define NUMBER(name, value) inline constexpr u32 name = value;
#include <kvm/abi/numbers.def>
#undef NUMBER

}  // namespace nest::kvm::abi
