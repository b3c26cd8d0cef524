// SPDX-License-Identifier: GPL-2.0-only
// vCPUs: made, mapped, set up, read and written.
#include <signal.h>
#include <sys/mman.h>

#include "../guests/machine/kvm_abi.hpp"
#include "scene.hpp"

namespace nest::fail_nth {
namespace {

constexpr u32 kTimerControl = 1, kStolenTimeControl = 2;    // KVM_ARM_VCPU_TIMER_CTRL, _PVTIME_CTRL

// With a vGIC (not initialised) or without.
Trial create(bool gic) {
    const ScenePtr scene = make_scene();
    if (gic)
        scene->with_gic();
    return descriptor_trial(scene, scene->vm, KVM_CREATE_VCPU, 0);
}

// With a dirty ring of 16 pages.
Trial create_with_ring() {
    const ScenePtr scene = make_scene();
    kvm_enable_cap enable{};
    enable.cap = KVM_CAP_DIRTY_LOG_RING_ACQ_REL;
    enable.args[0] = 16 * 4096;
    scene->vm.call(KVM_ENABLE_CAP, "KVM_ENABLE_CAP", &enable);
    return descriptor_trial(scene, scene->vm, KVM_CREATE_VCPU, 0);
}

Trial map() {
    const ScenePtr scene = make_scene();
    scene->with_vcpu();
    const size_t size = scene->run_size();
    const auto map_and_unmap = [scene, size] {
        void* at = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, scene->vcpu->file().number(), 0);
        if (at == MAP_FAILED)
            return -1;
        munmap(at, size);
        return 0;
    };
    return {[map_and_unmap]() -> long { return injector().call(map_and_unmap); }};
}

Trial init(Level level) {
    const ScenePtr scene = make_scene();
    scene->with_vcpu();
    return ioctl_trial(scene, scene->vcpu->file(), KVM_ARM_VCPU_INIT, scene->preferred(level));
}

// A second init of a vCPU is a reset.
Trial reset(Level level) {
    const ScenePtr scene = make_scene();
    scene->with_vcpu();
    const kvm_vcpu_init chosen = scene->preferred(level);
    scene->vcpu->file().call(KVM_ARM_VCPU_INIT, "KVM_ARM_VCPU_INIT", &chosen);
    return ioctl_trial(scene, scene->vcpu->file(), KVM_ARM_VCPU_INIT, chosen);
}

ScenePtr ready() {
    const ScenePtr scene = make_scene();
    scene->with_ram().with_gic().with_ready_vcpu();
    return scene;
}

Trial one_reg(unsigned long request) {
    const ScenePtr scene = ready();
    const auto value = std::make_shared<u64>(guests::kRam);
    return ioctl_trial(std::make_shared<std::pair<ScenePtr, std::shared_ptr<u64>>>(scene, value), scene->vcpu->file(), request,
                       kvm_one_reg{guests::kPc, reinterpret_cast<u64>(value.get())});
}

Trial reg_list() {
    const ScenePtr scene = ready();
    const auto list = std::make_shared<std::vector<u64>>(4096);
    (*list)[0] = list->size() - 1;
    return {[scene, list] {
        (*list)[0] = list->size() - 1;
        return injector().ioctl(scene->vcpu->file().number(), KVM_GET_REG_LIST, list->data());
    }};
}

template <typename Argument>
Trial on_vcpu(unsigned long request, const Argument& argument) {
    const ScenePtr scene = ready();
    return ioctl_trial(scene, scene->vcpu->file(), request, argument);
}

Trial signal_mask() {
    struct Mask {
        u32 size;
        unsigned char bits[8];
    };
    return on_vcpu(KVM_SET_SIGNAL_MASK, Mask{8, {}});
}

Trial guest_debug() {
    kvm_guest_debug debug{};
    debug.control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP;
    return on_vcpu(KVM_SET_GUEST_DEBUG, debug);
}

Trial attribute(unsigned long request, u32 group, u64 which, u64 value) {
    const ScenePtr scene = ready();
    const auto word = std::make_shared<u64>(value);
    return ioctl_trial(std::make_shared<std::pair<ScenePtr, std::shared_ptr<u64>>>(scene, word), scene->vcpu->file(), request,
                       kvm_device_attr{0, group, which, reinterpret_cast<u64>(word.get())});
}

Trial stats() {
    const ScenePtr scene = ready();
    return descriptor_trial(scene, scene->vcpu->file(), KVM_GET_STATS_FD);
}

Trial finalize_sve() {
    const ScenePtr scene = make_scene();
    scene->with_vcpu();
    kvm_vcpu_init init = scene->preferred(Level::el2);
    init.features[0] |= 1u << guests::kSve;
    scene->vcpu->file().call(KVM_ARM_VCPU_INIT, "KVM_ARM_VCPU_INIT", &init);
    return ioctl_trial(scene, scene->vcpu->file(), KVM_ARM_VCPU_FINALIZE, int{guests::kSve});
}

// Run before its init: nothing to do, and nothing to leave behind.
Trial run_without_init() {
    const ScenePtr scene = make_scene();
    scene->with_vcpu();
    return plain_trial(scene, scene->vcpu->file(), KVM_RUN);
}

}  // namespace

Steps vcpu_steps() {
    constexpr auto kSet = KVM_SET_DEVICE_ATTR, kGet = KVM_GET_DEVICE_ATTR, kHas = KVM_HAS_DEVICE_ATTR;
    return {
        {"create-vcpu", [] { return create(false); }, {ENOMEM}},
        {"create-vcpu-with-vgic", [] { return create(true); }, {ENOMEM}},
        {"create-vcpu-with-ring", create_with_ring, {ENOMEM}},
        {"map-vcpu", map, {ENOMEM}},
        {"vcpu-init-el1", [] { return init(Level::el1); }},
        {"vcpu-init-el2", [] { return init(Level::el2); }},
        {"vcpu-reset-el1", [] { return reset(Level::el1); }, {EFAULT}},
        {"vcpu-reset-el2", [] { return reset(Level::el2); }, {EFAULT}},
        {"get-one-reg", [] { return one_reg(KVM_GET_ONE_REG); }, {EFAULT}},
        {"set-one-reg", [] { return one_reg(KVM_SET_ONE_REG); }, {EFAULT}},
        {"get-reg-list", reg_list},
        {"get-mp-state", [] { return on_vcpu(KVM_GET_MP_STATE, kvm_mp_state{}); }, {EFAULT}},
        {"set-mp-state", [] { return on_vcpu(KVM_SET_MP_STATE, kvm_mp_state{KVM_MP_STATE_STOPPED}); }, {EFAULT}},
        {"set-signal-mask", signal_mask, {EFAULT}},
        {"set-guest-debug", guest_debug, {EFAULT}},
        {"get-vcpu-events", [] { return on_vcpu(KVM_GET_VCPU_EVENTS, kvm_vcpu_events{}); }, {EFAULT}},
        {"set-vcpu-events", [] { return on_vcpu(KVM_SET_VCPU_EVENTS, kvm_vcpu_events{}); }, {EFAULT}},
        {"timer-set", [] { return attribute(kSet, kTimerControl, 0, guests::kVirtualTimer); }, {EFAULT}},
        {"timer-get", [] { return attribute(kGet, kTimerControl, 0, 0); }, {EFAULT}},
        {"timer-has", [] { return attribute(kHas, kTimerControl, 0, 0); }, {EFAULT}},
        {"stolen-time-set", [] { return attribute(kSet, kStolenTimeControl, 0, guests::kRam); }, {EFAULT}},
        {"stolen-time-get", [] { return attribute(kGet, kStolenTimeControl, 0, 0); }, {EFAULT}},
        {"vcpu-finalize", [] { return on_vcpu(KVM_ARM_VCPU_FINALIZE, int{4}); }, {EFAULT}, -EINVAL},
        {"vcpu-finalize-sve", finalize_sve, {EFAULT, ENOMEM}},
        {"vcpu-stats-fd", stats, {ENOMEM}},
        {"run-without-init", run_without_init, {}, -ENOEXEC},
    };
}

}  // namespace nest::fail_nth
