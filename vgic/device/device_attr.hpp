// SPDX-License-Identifier: GPL-2.0-only
// struct kvm_device_attr: here, as the vGIC's attributes are the lowest that take one.
#pragma once
#include <base/types.hpp>

namespace nest::vgic {

struct DeviceAttr {
    u32 flags;  // none defined
    u32 group;
    u64 attr;
    u64 addr;  // user address of the value
};

}  // namespace nest::vgic
