// SPDX-License-Identifier: GPL-2.0-only
// KVM_DEV_TYPE_ARM_VGIC_V3: the attributes of the device file. Numbers from Linux's
// Documentation/virt/kvm/devices/arm-vgic-v3.rst.
#pragma once
#include <base/result.hpp>
#include <vgic/device/device_attr.hpp>
#include <vgic/distributor.hpp>

namespace nest::vgic {

inline constexpr u32 KVM_DEV_ARM_VGIC_GRP_ADDR = 0;
inline constexpr u32 KVM_DEV_ARM_VGIC_GRP_DIST_REGS = 1;
inline constexpr u32 KVM_DEV_ARM_VGIC_GRP_NR_IRQS = 3;
inline constexpr u32 KVM_DEV_ARM_VGIC_GRP_CTRL = 4;
inline constexpr u32 KVM_DEV_ARM_VGIC_GRP_REDIST_REGS = 5;
inline constexpr u32 KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS = 6;
inline constexpr u32 KVM_DEV_ARM_VGIC_GRP_LEVEL_INFO = 7;
inline constexpr u32 KVM_DEV_ARM_VGIC_GRP_MAINT_IRQ = 9;

inline constexpr u64 KVM_VGIC_V3_ADDR_TYPE_DIST = 2;
inline constexpr u64 KVM_VGIC_V3_ADDR_TYPE_REDIST = 3;
inline constexpr u64 KVM_VGIC_V3_ADDR_TYPE_REDIST_REGION = 5;
inline constexpr u64 KVM_DEV_ARM_VGIC_CTRL_INIT = 0;
inline constexpr u64 KVM_DEV_ARM_VGIC_SAVE_PENDING_TABLES = 3;
inline constexpr u64 VGIC_LEVEL_INFO_LINE_LEVEL = 0;

// What the attributes need from the caller. Virtual for the tests of this room, which has no VM (kvm/ioctl/device.cpp).
class DeviceContext {
public:
    // False: a bad address.
    virtual bool read_user(void* to, u64 from, size_t bytes) = 0;
    virtual bool write_user(u64 to, const void* from, size_t bytes) = 0;
    // Holds all vCPUs out of KVM_RUN; false when one is in it.
    virtual bool try_lock_vcpus() = 0;
    virtual void unlock_vcpus() = 0;

protected:
    ~DeviceContext() = default;
};

// KVM_SET/GET/HAS_DEVICE_ATTR. Errors as Linux's: ENXIO group or attribute unknown; EINVAL, EEXIST, E2BIG, ENOENT,
// EBUSY (initialised too late or too early, or a vCPU runs), EFAULT. Sleeps; the VM's lock held, which serialises with
// the creation of vCPUs and with other attribute calls.
Status set_attr(Distributor& distributor, DeviceContext& context, const DeviceAttr& attr);
Status get_attr(Distributor& distributor, DeviceContext& context, const DeviceAttr& attr);
Status has_attr(Distributor& distributor, const DeviceAttr& attr);

}  // namespace nest::vgic
