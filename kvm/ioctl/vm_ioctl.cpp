// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/ioctl/vm_ioctl.hpp>

#include <base/new_fd.hpp>
#include <base/user_access.hpp>
#include <kvm/abi/ioctl.hpp>
#include <kvm/devices/irq_line.hpp>
#include <kvm/ioctl/capabilities.hpp>
#include <kvm/ioctl/device.hpp>
#include <kvm/ioctl/stats_fd.hpp>
#include <kvm/one_reg/one_reg.hpp>
#include <kvm/sysreg/reset.hpp>
#include <kvm/vm/vm.hpp>
#include <vgic/inject.hpp>

namespace nest::kvm {
namespace {

Status set_memory_region(Vm& vm, u64 user, size_t bytes) {
    abi::UserMemoryRegion2 region{};
    if (nest_port_copy_from_user(&region, user, bytes))
        return Errno::kFault;
    return vm.slots.set_region(region);
}

// KVM_IRQ_LINE without an in-kernel GIC: sets one of the vCPU's own inputs, IRQ or FIQ.
Status set_pin(Vm& vm, const IrqLine& line) {
    Vcpu* const found = vm.find_id(line.vcpu);
    if (!found)
        return Errno::kInval;
    Vcpu& vcpu = *found;
    const u32 bit = 1u << line.intid;
    if (line.level)
        vcpu.irq_pins.fetch_or_acq_rel(bit);
    else
        vcpu.irq_pins.fetch_and_acq_rel(~bit);
    vcpu.make_request(Request::kLook);
    vcpu.kick();
    return kOk;
}

Status irq_line(Vm& vm, const abi::IrqLevel& args) {
    vgic::Distributor* distributor = vm.gic.distributor();
    const IrqLine line = NEST_TRY(decode_irq_line(args, distributor != nullptr));
    switch (line.kind) {
    case IrqLine::Kind::kCpu:
        return set_pin(vm, line);
    case IrqLine::Kind::kPpi: {
        Vcpu* const vcpu = vm.find_id(line.vcpu);
        if (!vcpu)
            return Errno::kInval;
        return distributor->initialized() ? vgic::inject_ppi(vcpu->gic, line.intid, line.level) : Status(Errno::kBusy);
    }
    case IrqLine::Kind::kSpi:
        return distributor->initialized() ? vgic::inject_spi(*distributor, line.intid, line.level) : Status(Errno::kBusy);
    }
    return Errno::kInval;
}

// 1: delivered; 0: the guest has blocked the MSI, as it has not mapped it or has switched LPIs off.
Result<long> signal_msi(Vm& vm, u64 user) {
    const auto msi = NEST_TRY(fetch<abi::Msi>(user));
    if (!vm.gic.distributor() || msi.flags & ~abi::KVM_MSI_VALID_DEVID)
        return Errno::kInval;
    return NEST_TRY(vm.gic.send_msi(msi)) == vgic::Its::Delivery::kDelivered ? 1l : 0l;
}

// The number of entries that were taken back, of all vCPUs: of those before a fatal signal, if there is one.
Result<long> reset_dirty_rings(Vm& vm) {
    if (!vm.slots.ring_entries())
        return Errno::kInval;
    long taken = 0;
    for (unsigned i = 0; i < vm.online() && !nest_port_killed(); i++)
        taken += vm.slots.reset_ring(vm.vcpu(i).dirty_ring);
    return taken;
}

Status set_counter_offset(Vm& vm, u64 user) {
    const auto offset = NEST_TRY(fetch<abi::CounterOffset>(user));
    Guard guard(vm.lock);
    if (!vm.try_lock_vcpus())
        return Errno::kBusy;
    const Status status = vm.timers.set_counter_offset(offset.counter_offset, offset.reserved);
    vm.unlock_vcpus();
    return status;
}

Status vm_attribute(Vm& vm, unsigned cmd, const abi::DeviceAttr& attr) {
    if (attr.group != abi::KVM_ARM_VM_SMCCC_CTRL || attr.attr != abi::KVM_ARM_VM_SMCCC_FILTER)
        return Errno::kNxIo;
    if (cmd == abi::KVM_HAS_DEVICE_ATTR)
        return kOk;
    const auto filter = NEST_TRY(fetch<SmcccFilterArgument>(attr.addr));
    Guard guard(vm.lock);
    return vm.smccc.filter.insert(filter, vm.has_run);
}

Status ioctl(Vm& vm, unsigned cmd, u64 arg) {
    using namespace abi;
    switch (cmd) {
    case KVM_SET_USER_MEMORY_REGION:
        return set_memory_region(vm, arg, kUserMemoryRegionBytes);
    case KVM_SET_USER_MEMORY_REGION2:
        return set_memory_region(vm, arg, sizeof(UserMemoryRegion2));
    case KVM_GET_DIRTY_LOG:
        return vm.slots.get_dirty_log(NEST_TRY(fetch<DirtyLog>(arg)));
    case KVM_CLEAR_DIRTY_LOG:
        return vm.slots.clear_dirty_log(NEST_TRY(fetch<ClearDirtyLog>(arg)));
    case KVM_IRQ_LINE:
        return irq_line(vm, NEST_TRY(fetch<IrqLevel>(arg)));
    case KVM_IRQ_LINE_STATUS: {
        const auto level = NEST_TRY(fetch<IrqLevel>(arg));
        NEST_TRY(irq_line(vm, level));
        return store(arg, level);
    }
    case KVM_REGISTER_COALESCED_MMIO:
        return vm.mmio_bus.register_zone(NEST_TRY(fetch<CoalescedMmioZone>(arg)));
    case KVM_UNREGISTER_COALESCED_MMIO:
        return vm.mmio_bus.unregister_zone(NEST_TRY(fetch<CoalescedMmioZone>(arg)));
    case KVM_IRQFD:
        return vm.irqfds.irqfd(NEST_TRY(fetch<abi::Irqfd>(arg)));
    case KVM_IOEVENTFD:
        return vm.mmio_bus.ioeventfd(NEST_TRY(fetch<Ioeventfd>(arg)));
    case KVM_SET_GSI_ROUTING:
        return vm.routing.set(NEST_TRY(fetch<abi::IrqRouting>(arg)), arg + sizeof(abi::IrqRouting));
    case KVM_CREATE_DEVICE:
        return create_device(vm, NEST_TRY(fetch<CreateDevice>(arg)), arg);
    case KVM_ENABLE_CAP:
        return enable_capability(vm, NEST_TRY(fetch<EnableCap>(arg)));
    case KVM_ARM_PREFERRED_TARGET:
        return store(arg, preferred_target());
    case KVM_ARM_SET_DEVICE_ADDR: {
        (void)NEST_TRY(fetch<ArmDeviceAddr>(arg));
        return Errno::kNoDev;  // the legacy way to a GICv2, which there is not
    }
    case KVM_CREATE_IRQCHIP:
        return Errno::kNoDev;  // means a GICv2 as well
    case KVM_ARM_SET_COUNTER_OFFSET:
        return set_counter_offset(vm, arg);
    case KVM_ARM_GET_REG_WRITABLE_MASKS:
        return get_reg_writable_masks(vm.ids, NEST_TRY(fetch<RegMaskRange>(arg)));
    case KVM_SET_DEVICE_ATTR:
    case KVM_HAS_DEVICE_ATTR:
        return vm_attribute(vm, cmd, NEST_TRY(fetch<abi::DeviceAttr>(arg)));
    default:
        return Errno::kInval;
    }
}

}  // namespace

long system_ioctl(unsigned cmd, u64 arg) {
    switch (cmd) {
    case abi::KVM_GET_API_VERSION:
        return arg ? to_abi(Status(Errno::kInval)) : abi::KVM_API_VERSION;
    case abi::KVM_CHECK_EXTENSION:
        return check_extension(arg);
    case abi::KVM_GET_VCPU_MMAP_SIZE:
        return arg ? to_abi(Status(Errno::kInval)) : 2l << nest_port_page_shift();
    default:
        return to_abi(Status(Errno::kInval));
    }
}

long vm_ioctl(Vm& vm, unsigned cmd, u64 arg) {
    if (!nest_port_vm_is_ours(vm.host) || vm.dead.load_acquire())
        return to_abi(Status(Errno::kIo));
    switch (cmd) {
    case abi::KVM_CREATE_VCPU:
        return to_abi(vm.create_vcpu(arg));
    case abi::KVM_CHECK_EXTENSION:
        return check_extension(vm, arg);
    case abi::KVM_GET_STATS_FD:
        return to_abi(stats_fd(vm));
    case abi::KVM_RESET_DIRTY_RINGS:
        return to_abi(reset_dirty_rings(vm));
    case abi::KVM_SIGNAL_MSI:
        return to_abi(signal_msi(vm, arg));
    default:
        return to_abi(ioctl(vm, cmd, arg));
    }
}

}  // namespace nest::kvm
