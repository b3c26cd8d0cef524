// SPDX-License-Identifier: GPL-2.0-only
// /dev/kvm itself, and what makes and describes a VM.
#include <fcntl.h>
#include <unistd.h>

#include "abi.hpp"
#include "scene.hpp"

namespace nest::fail_nth {
namespace {

Trial on_kvm(unsigned long request, unsigned long argument = 0) {
    const ScenePtr scene = make_scene();
    return plain_trial(scene, scene->kvm, request, argument);
}

Trial on_vm(unsigned long request, unsigned long argument = 0) {
    const ScenePtr scene = make_scene();
    return plain_trial(scene, scene->vm, request, argument);
}

Trial open_kvm() {
    return {[] { return injector().call([] { return open("/dev/kvm", O_RDWR | O_CLOEXEC); }); }, close_descriptor};
}

Trial create_vm() {
    const ScenePtr scene = make_scene();
    return descriptor_trial(scene, scene->kvm, KVM_CREATE_VM);
}

// The last close of a VM with all that it can have: nobody hears of an error there, and all must go all the same.
Trial close_vm() {
    const auto scene = std::make_shared<std::optional<Scene>>(std::in_place);
    (*scene)->with_ram().with_gic().with_ready_vcpu(Level::el2);
    return {[scene] {
        return injector().call([&] {
            scene->reset();
            return 0;
        });
    }};
}

Trial preferred_target() {
    const ScenePtr scene = make_scene();
    return ioctl_trial(scene, scene->vm, KVM_ARM_PREFERRED_TARGET, kvm_vcpu_init{});
}

Trial enable_cap(u32 cap, u64 argument) {
    const ScenePtr scene = make_scene();
    kvm_enable_cap enable{};
    enable.cap = cap;
    enable.args[0] = argument;
    return ioctl_trial(scene, scene->vm, KVM_ENABLE_CAP, enable);
}

Trial counter_offset() {
    const ScenePtr scene = make_scene();
    scene->with_ready_vcpu();
    return ioctl_trial(scene, scene->vm, kSetCounterOffset, CounterOffset{1000, 0});
}

Trial writable_masks() {
    const ScenePtr scene = make_scene();
    const auto masks = std::make_shared<std::vector<u64>>(3 * 8 * 8);
    RegMaskRange range{};
    range.addr = reinterpret_cast<u64>(masks->data());
    return ioctl_trial(std::make_shared<std::pair<ScenePtr, decltype(masks)>>(scene, masks), scene->vm, kGetRegWritableMasks, range);
}

Trial smccc_filter() {
    const ScenePtr scene = make_scene();
    const auto filter = std::make_shared<SmcccFilter>(SmcccFilter{0x8600'0000, 16, 1, {}});
    const kvm_device_attr attribute{0, kVmSmcccCtrl, kVmSmcccFilter, reinterpret_cast<u64>(filter.get())};
    return ioctl_trial(std::make_shared<std::pair<ScenePtr, decltype(filter)>>(scene, filter), scene->vm, KVM_SET_DEVICE_ATTR,
                       attribute);
}

Trial has_smccc_filter() {
    const ScenePtr scene = make_scene();
    return ioctl_trial(scene, scene->vm, KVM_HAS_DEVICE_ATTR, kvm_device_attr{0, kVmSmcccCtrl, kVmSmcccFilter, 0});
}

// A read from the start of a statistics file.
Trial read_stats(bool of_vcpu) {
    const ScenePtr scene = make_scene();
    scene->with_ready_vcpu();
    const File& owner = of_vcpu ? scene->vcpu->file() : scene->vm;
    const auto file = std::make_shared<File>(owner.call(KVM_GET_STATS_FD, "KVM_GET_STATS_FD"), "statistics");
    const auto bytes = std::make_shared<std::vector<char>>(16384);
    return {[scene, file, bytes] {
        return injector().call([&] { return pread(file->number(), bytes->data(), bytes->size(), 0); });
    }};
}

}  // namespace

Steps system_steps() {
    return {
        {"open", open_kvm},
        {"get-api-version", [] { return on_kvm(KVM_GET_API_VERSION); }, {}, 12},
        {"check-extension", [] { return on_kvm(KVM_CHECK_EXTENSION, KVM_CAP_ARM_VM_IPA_SIZE); }, {}, 32},
        {"get-vcpu-mmap-size", [] { return on_kvm(KVM_GET_VCPU_MMAP_SIZE); }, {}, 4096},
        {"create-vm", create_vm, {ENOMEM}},
        {"close-vm", close_vm, {}},
        {"vm-check-extension", [] { return on_vm(KVM_CHECK_EXTENSION, KVM_CAP_ARM_VM_IPA_SIZE); }, {}, 32},
        {"create-irqchip", [] { return on_vm(KVM_CREATE_IRQCHIP); }, {}, -ENODEV},
        {"preferred-target", preferred_target, {EFAULT}},
        {"enable-cap-dirty-log", [] { return enable_cap(KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, 3); }, {EFAULT}},
        {"enable-cap-dirty-ring", [] { return enable_cap(KVM_CAP_DIRTY_LOG_RING_ACQ_REL, 4096); }, {EFAULT}},
        {"enable-cap-nisv", [] { return enable_cap(KVM_CAP_ARM_NISV_TO_USER, 0); }, {EFAULT}},
        {"enable-cap-unknown", [] { return enable_cap(0xffff, 0); }, {EFAULT}, -EINVAL},
        {"set-counter-offset", counter_offset, {EFAULT}},
        {"get-reg-writable-masks", writable_masks, {EFAULT}},
        {"smccc-filter", smccc_filter},
        {"has-smccc-filter", has_smccc_filter, {EFAULT}},
        {"vm-stats-fd", [] { const ScenePtr scene = make_scene(); return descriptor_trial(scene, scene->vm, KVM_GET_STATS_FD); }, {ENOMEM}},
        {"vm-stats-read", [] { return read_stats(false); }, {EFAULT}, 100},
        {"vcpu-stats-read", [] { return read_stats(true); }, {EFAULT}, 100},
    };
}

}  // namespace nest::fail_nth
