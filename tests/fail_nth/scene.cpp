// SPDX-License-Identifier: GPL-2.0-only
#include "scene.hpp"

#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../guests/machine/kvm_abi.hpp"

namespace nest::fail_nth {

Scene& Scene::with_ram(size_t bytes) {
    ram.emplace(bytes, MAP_PRIVATE | MAP_ANONYMOUS, -1, "guest memory");
    guests::add_memory(vm, 0, guests::kRam, ram->bytes());
    return *this;
}

Scene& Scene::with_gic() {
    kvm_create_device device{KVM_DEV_TYPE_ARM_VGIC_V3, 0, 0};
    vm.call(KVM_CREATE_DEVICE, "creating the vGIC", &device);
    gic.emplace(static_cast<int>(device.fd), "vGIC");
    return *this;
}

Scene& Scene::with_vcpu() {
    vcpu.emplace(vm, 0, run_size());
    return *this;
}

Scene& Scene::with_ready_vcpu(Level level) {
    with_vcpu();
    kvm_vcpu_init chosen{};
    vm.call(KVM_ARM_PREFERRED_TARGET, "KVM_ARM_PREFERRED_TARGET", &chosen);
    vcpu->init(chosen, level, false);
    return *this;
}

kvm_vcpu_init Scene::preferred(Level level) const {
    kvm_vcpu_init chosen{};
    vm.call(KVM_ARM_PREFERRED_TARGET, "KVM_ARM_PREFERRED_TARGET", &chosen);
    chosen.features[0] |= 1u << guests::kPsci02 | unsigned{level == Level::el2} << guests::kHasEl2;
    return chosen;
}

ScenePtr make_scene() { return std::make_shared<Scene>(); }

Trial plain_trial(std::shared_ptr<void> owner, const File& file, unsigned long request, unsigned long argument) {
    return {[owner, number = file.number(), request, argument] { return injector().ioctl(number, request, argument); }};
}

Trial descriptor_trial(std::shared_ptr<void> owner, const File& file, unsigned long request, unsigned long argument) {
    Trial trial = plain_trial(std::move(owner), file, request, argument);
    trial.after = close_descriptor;
    return trial;
}

void close_descriptor(long descriptor) { close(static_cast<int>(descriptor)); }

std::shared_ptr<File> make_eventfd() { return std::make_shared<File>(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd"); }

}  // namespace nest::fail_nth
