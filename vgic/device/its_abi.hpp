// SPDX-License-Identifier: GPL-2.0-only
// KVM_DEV_TYPE_ARM_VGIC_ITS: the attributes of the device file. Numbers from Linux's
// Documentation/virt/kvm/devices/arm-vgic-its.rst.
#pragma once
#include <vgic/device/device_abi.hpp>
#include <vgic/its/its.hpp>

namespace nest::vgic {

inline constexpr u32 KVM_DEV_ARM_VGIC_GRP_ITS_REGS = 8;
inline constexpr u64 KVM_VGIC_ITS_ADDR_TYPE = 4;
inline constexpr u64 KVM_DEV_ARM_ITS_SAVE_TABLES = 1;
inline constexpr u64 KVM_DEV_ARM_ITS_RESTORE_TABLES = 2;
inline constexpr u64 KVM_DEV_ARM_ITS_CTRL_RESET = 4;

// KVM_SET/GET/HAS_DEVICE_ATTR. ENXIO: group or attribute unknown, or the ITS has no address yet; ENODEV: another
// address; EBUSY: a vCPU runs; EFAULT;
// and what Its says of each. Sleep; the VM's lock held.
Status set_its_attr(Its& its, DeviceContext& context, const DeviceAttr& attr, u64 ipa_limit);
Status get_its_attr(Its& its, DeviceContext& context, const DeviceAttr& attr);
Status has_its_attr(const DeviceAttr& attr);

}  // namespace nest::vgic
