// SPDX-License-Identifier: GPL-2.0-only
// The vGIC: made, set up, initialised, read and written.
#include "../guests/machine/kvm_abi.hpp"
#include "scene.hpp"

namespace nest::fail_nth {
namespace {

struct Device {
    Scene scene;
    u64 value = 0;

    kvm_device_attr attribute(u32 group, u64 which) { return {0, group, which, reinterpret_cast<u64>(&value)}; }
    void set(u32 group, u64 which, u64 to) {
        value = to;
        const kvm_device_attr wanted = attribute(group, which);
        scene.gic->call(KVM_SET_DEVICE_ATTR, "KVM_SET_DEVICE_ATTR", &wanted);
    }
};

// With one vCPU; placed: with its addresses; initialised: as far as VMMs go.
enum class State { made, placed, initialised };
std::shared_ptr<Device> make_device(State state) {
    const auto device = std::make_shared<Device>();
    device->scene.with_ram().with_gic().with_ready_vcpu();
    if (state == State::made)
        return device;
    device->set(KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_DIST, guests::kDistributor);
    device->set(KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_REDIST, guests::kRedistributor);
    device->set(KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0, 256);
    if (state == State::initialised)
        device->set(KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT, 0);
    return device;
}

Trial attribute(State state, unsigned long request, u32 group, u64 which, u64 value = 0) {
    const auto device = make_device(state);
    device->value = value;
    return ioctl_trial(device, *device->scene.gic, request, device->attribute(group, which));
}

// The device's descriptor comes back in the argument.
Trial create(u32 flags) {
    const ScenePtr scene = make_scene();
    scene->with_ready_vcpu();
    const auto device = std::make_shared<kvm_create_device>(kvm_create_device{KVM_DEV_TYPE_ARM_VGIC_V3, 0, flags});
    return {[scene, device] { return injector().ioctl(scene->vm.number(), KVM_CREATE_DEVICE, device.get()); },
            [scene, device, flags](long) {
                if (!(flags & KVM_CREATE_DEVICE_TEST))
                    close_descriptor(device->fd);
            }};
}

constexpr auto kSet = KVM_SET_DEVICE_ATTR, kGet = KVM_GET_DEVICE_ATTR, kHas = KVM_HAS_DEVICE_ATTR;
constexpr u64 kTyper = 0x4, kEnable = 0x104, kWaker = 0x14;
constexpr u64 kPmr = 0b11'000'0100'0110'000;    // ICC_PMR_EL1

}  // namespace

Steps device_steps() {
    return {
        {"create-vgic", [] { return create(0); }},
        {"create-vgic-test", [] { return create(KVM_CREATE_DEVICE_TEST); }, {EFAULT}},
        {"vgic-set-distributor",
         [] { return attribute(State::made, kSet, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_DIST, guests::kDistributor); }},
        {"vgic-set-redistributor",
         [] { return attribute(State::made, kSet, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_REDIST, guests::kRedistributor); }},
        {"vgic-set-region",
         [] {
             return attribute(State::made, kSet, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_REDIST_REGION,
                              guests::kRedistributor | u64{2} << 52);
         }},
        {"vgic-get-address",
         [] { return attribute(State::placed, kGet, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_DIST); }, {EFAULT}},
        {"vgic-set-interrupts", [] { return attribute(State::made, kSet, KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0, 256); }},
        {"vgic-get-interrupts", [] { return attribute(State::placed, kGet, KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0); }, {EFAULT}},
        {"vgic-set-maintenance",
         [] { return attribute(State::made, kSet, guests::kVgicGroupMaintenance, 0, guests::kMaintenance); }, {EFAULT}},
        {"vgic-has-attr", [] { return attribute(State::made, kHas, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_DIST); }, {EFAULT}},
        {"vgic-init", [] { return attribute(State::placed, kSet, KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT); }},
        {"vgic-save-pending",
         [] { return attribute(State::initialised, kSet, KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_SAVE_PENDING_TABLES); }},
        {"vgic-dist-get", [] { return attribute(State::initialised, kGet, KVM_DEV_ARM_VGIC_GRP_DIST_REGS, kTyper); }, {EFAULT}},
        {"vgic-dist-set", [] { return attribute(State::initialised, kSet, KVM_DEV_ARM_VGIC_GRP_DIST_REGS, kEnable, 1); }, {EFAULT}},
        {"vgic-redist-get", [] { return attribute(State::initialised, kGet, KVM_DEV_ARM_VGIC_GRP_REDIST_REGS, kTyper); }, {EFAULT}},
        {"vgic-redist-set", [] { return attribute(State::initialised, kSet, KVM_DEV_ARM_VGIC_GRP_REDIST_REGS, kWaker); }, {EFAULT}},
        {"vgic-sysreg-get", [] { return attribute(State::initialised, kGet, KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS, kPmr); }, {EFAULT}},
        {"vgic-sysreg-set", [] { return attribute(State::initialised, kSet, KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS, kPmr, 0xf8); }, {EFAULT}},
        {"vgic-level-get", [] { return attribute(State::initialised, kGet, KVM_DEV_ARM_VGIC_GRP_LEVEL_INFO, 32); }, {EFAULT}},
        {"vgic-level-set", [] { return attribute(State::initialised, kSet, KVM_DEV_ARM_VGIC_GRP_LEVEL_INFO, 32, 1); }, {EFAULT}},
    };
}

}  // namespace nest::fail_nth
