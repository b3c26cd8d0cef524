// SPDX-License-Identifier: GPL-2.0-only
#include <vgic/device/device_registers.hpp>
#include <vgic/device/vcpus_locked.hpp>
#include <vgic/hw/icc.hpp>
#include <vgic/mmio/mmio.hpp>
#include <vgic/nested/ich.hpp>

namespace nest::vgic {
namespace {

struct RegisterAttr : arch::Layout<RegisterAttr> {
    using Aff3 = Field<63, 56>;
    using Affinity = Field<55, 32>;
    using Offset = Field<31, 0>;
    using Instruction = Field<15, 0>;
    using Info = Field<31, 10>;
    using Intid = Field<9, 0>;
};

constexpr unsigned kIidr = 0x08, kTyper2 = 0x0c;

// The vCPU that the attribute names; for the distributor's registers any will do, but there must be one.
CpuInterface* vcpu_of(const Distributor& distributor, const DeviceAttr& attr) {
    if (attr.group == KVM_DEV_ARM_VGIC_GRP_DIST_REGS)
        return distributor.find(0);
    const auto a = RegisterAttr::of(attr.attr);
    return distributor.find_affinity(a.get<RegisterAttr::Aff3>() << 32 | a.get<RegisterAttr::Affinity>());
}

unsigned offset_of(const DeviceAttr& attr) { return static_cast<unsigned>(attr.attr & RegisterAttr::Offset::kMask); }

arch::SysReg register_of(const DeviceAttr& attr) {
    return arch::find_sysreg({static_cast<u16>(attr.attr & RegisterAttr::Instruction::kMask)});
}

bool has_cpu_register(const CpuInterface& cpu, arch::SysReg reg) {
    return user_has_register(reg) || (cpu.el2 && user_has_el2_register(reg));
}

// GICD_IIDR and GICD_TYPER2, which say what the vGIC is, may be set before the number of interrupts is known.
bool allowed_before_init(const DeviceAttr& attr) {
    return attr.group == KVM_DEV_ARM_VGIC_GRP_DIST_REGS && (offset_of(attr) == kIidr || offset_of(attr) == kTyper2);
}

Status access_levels(CpuInterface& cpu, const DeviceAttr& attr, bool write, u32& value) {
    const auto a = RegisterAttr::of(attr.attr);
    const unsigned intid = static_cast<unsigned>(a.get<RegisterAttr::Intid>());
    if (a.get<RegisterAttr::Info>() != VGIC_LEVEL_INFO_LINE_LEVEL || intid % 32)
        return Errno::kInval;
    if (write)
        write_line_levels(cpu, intid, value);
    else
        value = read_line_levels(cpu, intid);
    return kOk;
}

Status access_word(Distributor& distributor, CpuInterface& cpu, const DeviceAttr& attr, bool write, u32& value) {
    if (attr.group == KVM_DEV_ARM_VGIC_GRP_LEVEL_INFO)
        return access_levels(cpu, attr, write, value);
    CpuInterface* redistributor = attr.group == KVM_DEV_ARM_VGIC_GRP_REDIST_REGS ? &cpu : nullptr;
    if (write)
        return user_write(distributor, redistributor, offset_of(attr), value);
    value = user_read(distributor, redistributor, offset_of(attr));
    return kOk;
}

Status access_cpu_register(DeviceContext& context, CpuInterface& cpu, const DeviceAttr& attr, bool write) {
    const arch::SysReg reg = register_of(attr);
    u64 value;
    if (write && !context.read_user(&value, attr.addr, sizeof(value)))
        return Errno::kFault;
    if (!has_cpu_register(cpu, reg))
        return Errno::kNoEnt;
    const bool el2 = user_has_el2_register(reg);
    if (write)
        return el2 ? user_set_el2_register(cpu, reg, value) : user_set_register(cpu, reg, value);
    value = NEST_TRY(el2 ? user_get_el2_register(cpu, reg) : user_get_register(cpu, reg));
    return context.write_user(attr.addr, &value, sizeof(value)) ? kOk : Status(Errno::kFault);
}

}  // namespace

Status access_registers(Distributor& distributor, DeviceContext& context, const DeviceAttr& attr, bool write) {
    CpuInterface* cpu = vcpu_of(distributor, attr);
    if (!cpu)
        return Errno::kInval;
    const bool word = attr.group != KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS;
    u32 value = 0;
    if (word && write && !context.read_user(&value, attr.addr, sizeof(value)))
        return Errno::kFault;
    {
        VcpusLocked locked(context);
        if (!locked || !(distributor.initialized() || allowed_before_init(attr)))
            return Errno::kBusy;
        NEST_TRY(word ? access_word(distributor, *cpu, attr, write, value)
                      : access_cpu_register(context, *cpu, attr, write));
    }
    if (word && !write && !context.write_user(attr.addr, &value, sizeof(value)))
        return Errno::kFault;
    return kOk;
}

Status has_register(Distributor& distributor, const DeviceAttr& attr) {
    if (attr.group == KVM_DEV_ARM_VGIC_GRP_LEVEL_INFO)
        return RegisterAttr::of(attr.attr).get<RegisterAttr::Info>() == VGIC_LEVEL_INFO_LINE_LEVEL
                   ? kOk
                   : Status(Errno::kNxIo);
    const CpuInterface* cpu = vcpu_of(distributor, attr);
    if (!cpu)
        return Errno::kInval;
    const bool has = attr.group == KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS
                         ? has_cpu_register(*cpu, register_of(attr))
                         : user_has(distributor, attr.group == KVM_DEV_ARM_VGIC_GRP_REDIST_REGS, offset_of(attr));
    return has ? kOk : Status(Errno::kNxIo);
}

}  // namespace nest::vgic
