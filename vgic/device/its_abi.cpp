// SPDX-License-Identifier: GPL-2.0-only
#include <vgic/device/its_abi.hpp>
#include <vgic/device/vcpus_locked.hpp>

namespace nest::vgic {
namespace {

bool has_base(const Its& its) { return its.base() != Its::kNoBase; }

Status set_its_base(Its& its, DeviceContext& context, const DeviceAttr& attr, u64 ipa_limit) {
    if (attr.attr != KVM_VGIC_ITS_ADDR_TYPE)
        return Errno::kNoDev;
    u64 value;
    if (!context.read_user(&value, attr.addr, sizeof(value)))
        return Errno::kFault;
    return its.set_base(value, ipa_limit);
}

Status control_its(Its& its, DeviceContext& context, u64 which) {
    if (which == KVM_DEV_ARM_VGIC_CTRL_INIT)
        return its.init();      // before or after its address: the document asks for the address first, Linux and QEMU do not
    if (which != KVM_DEV_ARM_ITS_SAVE_TABLES && which != KVM_DEV_ARM_ITS_RESTORE_TABLES && which != KVM_DEV_ARM_ITS_CTRL_RESET)
        return Errno::kNxIo;
    const VcpusLocked locked(context);
    if (!locked)
        return Errno::kBusy;
    if (which == KVM_DEV_ARM_ITS_SAVE_TABLES)
        return its.save_tables();
    if (which == KVM_DEV_ARM_ITS_RESTORE_TABLES)
        return its.restore_tables();
    its.reset();
    return kOk;
}

Status access_register(Its& its, DeviceContext& context, const DeviceAttr& attr, bool write) {
    if (!has_base(its))
        return Errno::kNxIo;
    u64 value = 0;
    if (write && !context.read_user(&value, attr.addr, sizeof(value)))
        return Errno::kFault;
    {
        const VcpusLocked locked(context);
        if (!locked)
            return Errno::kBusy;
        NEST_TRY(write ? its.user_write(attr.attr, value) : its.user_read(attr.attr, value));
    }
    return write || context.write_user(attr.addr, &value, sizeof(value)) ? kOk : Status(Errno::kFault);
}

}  // namespace

Status set_its_attr(Its& its, DeviceContext& context, const DeviceAttr& attr, u64 ipa_limit) {
    switch (attr.group) {
    case KVM_DEV_ARM_VGIC_GRP_ADDR: return set_its_base(its, context, attr, ipa_limit);
    case KVM_DEV_ARM_VGIC_GRP_CTRL: return control_its(its, context, attr.attr);
    case KVM_DEV_ARM_VGIC_GRP_ITS_REGS: return access_register(its, context, attr, true);
    default: return Errno::kNxIo;
    }
}

Status get_its_attr(Its& its, DeviceContext& context, const DeviceAttr& attr) {
    if (attr.group == KVM_DEV_ARM_VGIC_GRP_ITS_REGS)
        return access_register(its, context, attr, false);
    if (attr.group != KVM_DEV_ARM_VGIC_GRP_ADDR)
        return Errno::kNxIo;
    if (attr.attr != KVM_VGIC_ITS_ADDR_TYPE)
        return Errno::kNoDev;
    const u64 base = its.base();
    return context.write_user(attr.addr, &base, sizeof(base)) ? kOk : Status(Errno::kFault);
}

Status has_its_attr(const DeviceAttr& attr) {
    bool has = false;
    switch (attr.group) {
    case KVM_DEV_ARM_VGIC_GRP_ADDR: has = attr.attr == KVM_VGIC_ITS_ADDR_TYPE; break;
    case KVM_DEV_ARM_VGIC_GRP_CTRL:
        has = attr.attr == KVM_DEV_ARM_VGIC_CTRL_INIT || attr.attr == KVM_DEV_ARM_ITS_SAVE_TABLES ||
              attr.attr == KVM_DEV_ARM_ITS_RESTORE_TABLES || attr.attr == KVM_DEV_ARM_ITS_CTRL_RESET;
        break;
    case KVM_DEV_ARM_VGIC_GRP_ITS_REGS: has = Its::has_register(attr.attr); break;
    default: break;
    }
    return has ? kOk : Status(Errno::kNxIo);
}

}  // namespace nest::vgic
