// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/ioctl/device.hpp>

#include <base/new_fd.hpp>
#include <base/user_access.hpp>
#include <kvm/abi/ioctl.hpp>
#include <kvm/vm/vm.hpp>
#include <vgic/device/its_abi.hpp>

namespace nest::kvm {
namespace {

// The object behind a device's descriptor. What the device is lives in the VM, as long as the VM.
struct DeviceFile {
    DeviceFile(Vm& its_vm, vgic::Its* which) : vm(its_vm), its(which) {}
    Vm& vm;
    vgic::Its* its;     // nullptr: the VM's vGIC
};

class VgicContext final : public vgic::DeviceContext {
public:
    explicit VgicContext(Vm& vm) : vm_(vm) {}
    bool read_user(void* to, u64 from, size_t bytes) override { return nest_port_copy_from_user(to, from, bytes) == 0; }
    bool write_user(u64 to, const void* from, size_t bytes) override {
        return nest_port_copy_to_user(to, from, bytes) == 0;
    }
    bool try_lock_vcpus() override { return vm_.try_lock_vcpus(); }
    void unlock_vcpus() override { vm_.unlock_vcpus(); }

private:
    Vm& vm_;
};

Status create_vgic(Vm& vm) {
    Guard guard(vm.lock);
    // A vCPU inside KVM_RUN runs without a vGIC, and cannot get one while it runs.
    if (!vm.try_lock_vcpus())
        return Errno::kBusy;
    const Status status = vm.gic.create();
    vm.unlock_vcpus();
    return status;
}

bool initializes(const abi::DeviceAttr& attr) {
    return attr.group == vgic::KVM_DEV_ARM_VGIC_GRP_CTRL && attr.attr == vgic::KVM_DEV_ARM_VGIC_CTRL_INIT;
}

Status its_attribute(Vm& vm, vgic::Its& its, unsigned cmd, const abi::DeviceAttr& attr) {
    VgicContext context(vm);
    Guard guard(vm.lock);
    if (cmd == abi::KVM_HAS_DEVICE_ATTR)
        return vgic::has_its_attr(attr);
    if (cmd == abi::KVM_GET_DEVICE_ATTR)
        return vgic::get_its_attr(its, context, attr);
    return vgic::set_its_attr(its, context, attr, vm.stage2.tables().limit().raw);
}

Status attribute(Vm& vm, unsigned cmd, const abi::DeviceAttr& attr) {
    VgicContext context(vm);
    Guard guard(vm.lock);
    vgic::Distributor& distributor = *vm.gic.distributor();
    if (cmd == abi::KVM_HAS_DEVICE_ATTR)
        return vgic::has_attr(distributor, attr);
    if (cmd == abi::KVM_GET_DEVICE_ATTR)
        return vgic::get_attr(distributor, context, attr);
    // The routes come first, as they may find no memory: the VMM then tries again. The vGIC is initialised only once, so that
    // routes that failed after it would never be made.
    if (initializes(attr) && !distributor.initialized())
        NEST_TRY(vm.gic.make_default_routes());
    return vgic::set_attr(distributor, context, attr);
}

}  // namespace

Status create_device(Vm& vm, abi::CreateDevice args, u64 user) {
    const bool its = args.type == abi::KVM_DEV_TYPE_ARM_VGIC_ITS;
    if (!its && args.type != abi::KVM_DEV_TYPE_ARM_VGIC_V3)
        return Errno::kNoDev;
    if (args.flags & abi::KVM_CREATE_DEVICE_TEST)
        return kOk;
    if (!its && vm.gic.taken())
        return Errno::kExist;
    Owned<DeviceFile> file(make<DeviceFile>(vm, nullptr));
    if (!file)
        return Errno::kNoMem;
    NewFd fd;
    NEST_TRY(fd.reserve(its ? NEST_FD_ITS : NEST_FD_DEVICE));
    // The VMM is told the descriptor before there is a device: if the store faulted after create_vgic(), the VMM would try
    // again and meet EEXIST.
    args.fd = static_cast<u32>(fd.number());
    NEST_TRY(store(user, args));
    if (its) {
        Guard guard(vm.lock);
        file->its = NEST_TRY(vm.gic.create_its());
    } else {
        NEST_TRY(create_vgic(vm));
    }
    vm.get();
    fd.install(file.release());
    return kOk;
}

long device_ioctl(void* device, unsigned cmd, u64 arg) {
    const DeviceFile& file = *static_cast<DeviceFile*>(device);
    if (!nest_port_vm_is_ours(file.vm.host) || file.vm.dead.load_acquire())
        return to_abi(Status(Errno::kIo));
    if (cmd != abi::KVM_SET_DEVICE_ATTR && cmd != abi::KVM_GET_DEVICE_ATTR && cmd != abi::KVM_HAS_DEVICE_ATTR)
        return to_abi(Status(Errno::kNoTty));
    const auto attr = fetch<abi::DeviceAttr>(arg);
    if (!attr)
        return to_abi(Status(attr.error()));
    return to_abi(file.its ? its_attribute(file.vm, *file.its, cmd, attr.value()) : attribute(file.vm, cmd, attr.value()));
}

void device_release(void* device) {
    const Owned<DeviceFile> file(static_cast<DeviceFile*>(device));
    if (!file->its)
        file->vm.gic.closed();
    file->vm.put();
}

}  // namespace nest::kvm
