// SPDX-License-Identifier: GPL-2.0-only
// KVM_CAP_* numbers and the argument of KVM_ENABLE_CAP.
#pragma once
#include <base/types.hpp>

namespace nest::kvm::abi {

#define CAPABILITY(name, number, answer) inline constexpr u32 name = number;
#include <kvm/abi/capabilities.def>
#undef CAPABILITY

struct EnableCap {
    u32 cap;
    u32 flags;
    u64 args[4];
    u8 pad[64];
};

}  // namespace nest::kvm::abi
