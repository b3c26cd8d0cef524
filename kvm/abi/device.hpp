// SPDX-License-Identifier: GPL-2.0-only
// Devices, device attributes and the counter's offset in the KVM ABI, apart from the vGIC's own groups.
#pragma once
#include <kvm/abi/numbers.hpp>
#include <vgic/device/device_attr.hpp>

namespace nest::kvm::abi {

struct CreateDevice {
    u32 type;   // KVM_DEV_TYPE_*
    u32 fd;     // out
    u32 flags;  // KVM_CREATE_DEVICE_TEST
};

using vgic::DeviceAttr;

struct CounterOffset {
    u64 counter_offset;
    u64 reserved;  // 0
};

struct ArmDeviceAddr {
    u64 id;
    u64 addr;
};

}  // namespace nest::kvm::abi
