// SPDX-License-Identifier: GPL-2.0-only
#include <vgic/device/device_abi.hpp>
#include <vgic/device/device_registers.hpp>
#include <vgic/device/vcpus_locked.hpp>
#include <vgic/lpi.hpp>

namespace nest::vgic {
namespace {

struct RegionAttr : arch::Layout<RegionAttr> {
    using Count = Field<63, 52>;
    using Base = Field<51, 16>;
    using Flags = Field<15, 12>;
    using Index = Field<11, 0>;
};

bool is_register_group(u32 group) {
    return group == KVM_DEV_ARM_VGIC_GRP_DIST_REGS || group == KVM_DEV_ARM_VGIC_GRP_REDIST_REGS ||
           group == KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS || group == KVM_DEV_ARM_VGIC_GRP_LEVEL_INFO;
}

Status set_address(Distributor& distributor, DeviceContext& context, const DeviceAttr& attr) {
    u64 value;
    if (!context.read_user(&value, attr.addr, sizeof(value)))
        return Errno::kFault;
    switch (attr.attr) {
    case KVM_VGIC_V3_ADDR_TYPE_DIST:
        return distributor.set_base(value);
    case KVM_VGIC_V3_ADDR_TYPE_REDIST:
        return distributor.add_region(value, 0, 0);
    case KVM_VGIC_V3_ADDR_TYPE_REDIST_REGION: {
        const auto region = RegionAttr::of(value);
        if (!region.get<RegionAttr::Count>() || region.get<RegionAttr::Flags>())
            return Errno::kInval;
        return distributor.add_region(value & RegionAttr::Base::kMask,
                                      static_cast<unsigned>(region.get<RegionAttr::Index>()),
                                      static_cast<unsigned>(region.get<RegionAttr::Count>()));
    }
    default:
        return Errno::kNxIo;
    }
}

Result<u64> get_region(const RedistributorRegions& regions, u64 index) {
    if (index >= regions.size())
        return Errno::kNoEnt;
    const RedistributorRegion& region = regions[static_cast<unsigned>(index)];
    return RegionAttr::of(region.base).with<RegionAttr::Count>(region.count).with<RegionAttr::Index>(index).raw;
}

Status get_address(Distributor& distributor, DeviceContext& context, const DeviceAttr& attr) {
    u64 value = 0;
    const RedistributorRegions& regions = distributor.regions();
    switch (attr.attr) {
    case KVM_VGIC_V3_ADDR_TYPE_DIST:
        value = distributor.base();
        break;
    case KVM_VGIC_V3_ADDR_TYPE_REDIST:
        value = regions.size() ? regions[0].base : ~u64{0};
        break;
    case KVM_VGIC_V3_ADDR_TYPE_REDIST_REGION:
        if (!context.read_user(&value, attr.addr, sizeof(value)))
            return Errno::kFault;
        value = NEST_TRY(get_region(regions, value & RegionAttr::Index::kMask));
        break;
    default:
        return Errno::kNxIo;
    }
    return context.write_user(attr.addr, &value, sizeof(value)) ? kOk : Status(Errno::kFault);
}

Status set_interrupts(Distributor& distributor, DeviceContext& context, const DeviceAttr& attr) {
    u32 value;
    if (!context.read_user(&value, attr.addr, sizeof(value)))
        return Errno::kFault;
    return distributor.set_interrupts(value);
}

// Linux's documentation puts the INTID into `attr`; its code, and QEMU, take the INTID from the memory at `addr`.
Status set_maintenance_ppi(Distributor& distributor, DeviceContext& context, const DeviceAttr& attr) {
    u32 value;
    if (!context.read_user(&value, attr.addr, sizeof(value)))
        return Errno::kFault;
    return distributor.set_maintenance_ppi(value);
}

Status write_word(DeviceContext& context, const DeviceAttr& attr, u32 value) {
    return context.write_user(attr.addr, &value, sizeof(value)) ? kOk : Status(Errno::kFault);
}

// Where nobody runs, what was in list registers is back, and pending is what the tables must say.
Status save_pending(Distributor& distributor, DeviceContext& context) {
    const VcpusLocked locked(context);
    if (!locked)
        return Errno::kBusy;
    return distributor.initialized() ? save_pending_tables(distributor) : Status(Errno::kNxIo);
}

Status control(Distributor& distributor, DeviceContext& context, u64 which) {
    switch (which) {
    case KVM_DEV_ARM_VGIC_CTRL_INIT:
        return distributor.init();
    case KVM_DEV_ARM_VGIC_SAVE_PENDING_TABLES:
        return save_pending(distributor, context);
    default:
        return Errno::kNxIo;
    }
}

}  // namespace

Status set_attr(Distributor& distributor, DeviceContext& context, const DeviceAttr& attr) {
    if (is_register_group(attr.group))
        return access_registers(distributor, context, attr, true);
    switch (attr.group) {
    case KVM_DEV_ARM_VGIC_GRP_ADDR:
        return set_address(distributor, context, attr);
    case KVM_DEV_ARM_VGIC_GRP_NR_IRQS:
        return set_interrupts(distributor, context, attr);
    case KVM_DEV_ARM_VGIC_GRP_CTRL:
        return control(distributor, context, attr.attr);
    case KVM_DEV_ARM_VGIC_GRP_MAINT_IRQ:
        return set_maintenance_ppi(distributor, context, attr);
    default:
        return Errno::kNxIo;
    }
}

Status get_attr(Distributor& distributor, DeviceContext& context, const DeviceAttr& attr) {
    if (is_register_group(attr.group))
        return access_registers(distributor, context, attr, false);
    switch (attr.group) {
    case KVM_DEV_ARM_VGIC_GRP_ADDR:
        return get_address(distributor, context, attr);
    case KVM_DEV_ARM_VGIC_GRP_NR_IRQS:
        return write_word(context, attr, distributor.interrupts());
    case KVM_DEV_ARM_VGIC_GRP_MAINT_IRQ:
        return write_word(context, attr, distributor.maintenance_ppi());
    default:
        return Errno::kNxIo;
    }
}

Status has_attr(Distributor& distributor, const DeviceAttr& attr) {
    bool has = false;
    switch (attr.group) {
    case KVM_DEV_ARM_VGIC_GRP_ADDR:
        has = attr.attr == KVM_VGIC_V3_ADDR_TYPE_DIST || attr.attr == KVM_VGIC_V3_ADDR_TYPE_REDIST ||
              attr.attr == KVM_VGIC_V3_ADDR_TYPE_REDIST_REGION;
        break;
    case KVM_DEV_ARM_VGIC_GRP_NR_IRQS:
    case KVM_DEV_ARM_VGIC_GRP_MAINT_IRQ:
        has = true;
        break;
    case KVM_DEV_ARM_VGIC_GRP_CTRL:
        has = attr.attr == KVM_DEV_ARM_VGIC_CTRL_INIT || attr.attr == KVM_DEV_ARM_VGIC_SAVE_PENDING_TABLES;
        break;
    default:
        if (is_register_group(attr.group))
            return has_register(distributor, attr);
    }
    return has ? kOk : Status(Errno::kNxIo);
}

}  // namespace nest::vgic
