// SPDX-License-Identifier: GPL-2.0-only
// KVM_CAP_* numbers and the argument of KVM_ENABLE_CAP.
#pragma once
#include <base/types.hpp>

namespace nest::kvm::abi {

#define NUMBER(name, value) inline constexpr u32 name = value;
#include <kvm/abi/capabilities.def>
#undef NUMBER

struct EnableCap {
    u32 cap;
    u32 flags;
    u64 args[4];
    u8 pad[64];
};

}  // namespace nest::kvm::abi
