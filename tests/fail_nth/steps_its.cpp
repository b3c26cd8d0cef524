// SPDX-License-Identifier: GPL-2.0-only
// The ITS: made, set up, its tables saved and restored, and a message to it.
#include <cstddef>
#include <cstring>

#include "../guests/machine/kvm_abi.hpp"
#include "scene.hpp"

namespace nest::fail_nth {
namespace {

constexpr u64 kItsFrame = guests::kRedistributor + 0x20'0000, kTranslater = kItsFrame + 0x1'0040;
constexpr u64 kTypeIts = 4;                                     // KVM_VGIC_ITS_ADDR_TYPE
constexpr u32 kGroupRegisters = 8;                              // KVM_DEV_ARM_VGIC_GRP_ITS_REGS
constexpr u64 kSaveTables = 1, kRestoreTables = 2, kReset = 4;  // KVM_DEV_ARM_ITS_*
constexpr u64 kPropbaser = 0x70;   // of a redistributor
constexpr u64 kCbaser = 0x80, kBaserDevices = 0x100, kBaserCollections = 0x108;
constexpr u64 kValid = u64{1} << 63;

// Tables of one 4 KiB page each, as the ABI's revision 0 has them.
constexpr u64 kDevices = guests::kRam + 0x1000, kCollections = guests::kRam + 0x2000, kItt = guests::kRam + 0x3000;
constexpr u64 kQueue = guests::kRam + 0x4000, kProperties = guests::kRam + 0x1'0000;
constexpr u32 kDevice = 3, kCollection = 1, kLpi = 8192;

struct ItsDevice {
    Scene scene;
    std::optional<File> its;
    u64 value = 0;

    static kvm_device_attr attribute_of(const u64& value, u32 group, u64 which) { return {0, group, which, reinterpret_cast<u64>(&value)}; }
    kvm_device_attr attribute(u32 group, u64 which) const { return attribute_of(value, group, which); }
    static void set(const File& file, u32 group, u64 which, u64 to) {
        const kvm_device_attr wanted = attribute_of(to, group, which);
        file.call(KVM_SET_DEVICE_ATTR, "KVM_SET_DEVICE_ATTR", &wanted);
    }
    void store(u64 address, u64 entry) { std::memcpy(scene.ram->bytes().data() + (address - guests::kRam), &entry, sizeof entry); }
};

// placed: with its address; mapped: one event of one device is an LPI.
enum class State { made, placed, initialised, mapped };
std::shared_ptr<ItsDevice> make_its(State state) {
    const auto device = std::make_shared<ItsDevice>();
    Scene& scene = device->scene;
    scene.with_ram().with_gic().with_ready_vcpu();
    ItsDevice::set(*scene.gic, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_DIST, guests::kDistributor);
    ItsDevice::set(*scene.gic, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_REDIST, guests::kRedistributor);
    ItsDevice::set(*scene.gic, KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT, 0);
    kvm_create_device wanted{KVM_DEV_TYPE_ARM_VGIC_ITS, 0, 0};
    scene.vm.call(KVM_CREATE_DEVICE, "creating the ITS", &wanted);
    device->its.emplace(static_cast<int>(wanted.fd), "ITS");
    if (state >= State::placed)
        ItsDevice::set(*device->its, KVM_DEV_ARM_VGIC_GRP_ADDR, kTypeIts, kItsFrame);
    if (state >= State::initialised)
        ItsDevice::set(*device->its, KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT, 0);
    if (state < State::mapped)
        return device;
    // LPIs of 16 bits.
    ItsDevice::set(*scene.gic, KVM_DEV_ARM_VGIC_GRP_REDIST_REGS, kPropbaser, kProperties | 15);
    ItsDevice::set(*device->its, kGroupRegisters, kBaserDevices, kValid | kDevices);
    ItsDevice::set(*device->its, kGroupRegisters, kBaserCollections, kValid | kCollections);
    device->store(kCollections, kValid | kCollection);
    device->store(kDevices + kDevice * 8, kValid | kItt >> 8 << 5);
    device->store(kItt, u64{kLpi} << 16 | kCollection);
    ItsDevice::set(*device->its, KVM_DEV_ARM_VGIC_GRP_CTRL, kRestoreTables, 0);
    return device;
}

Trial create(u32 flags) {
    const auto device = make_its(State::made);
    const auto wanted = std::make_shared<kvm_create_device>(kvm_create_device{KVM_DEV_TYPE_ARM_VGIC_ITS, 0, flags});
    return {[device, wanted] { return injector().ioctl(device->scene.vm.number(), KVM_CREATE_DEVICE, wanted.get()); },
            [wanted, flags](long) {
                if (!(flags & KVM_CREATE_DEVICE_TEST))
                    close_descriptor(wanted->fd);
            }};
}

Trial attribute(State state, unsigned long request, u32 group, u64 which, u64 value = 0) {
    const auto device = make_its(state);
    device->value = value;
    return ioctl_trial(device, *device->its, request, device->attribute(group, which));
}

Trial signal_msi() {
    const auto device = make_its(State::mapped);
    kvm_msi message{};
    message.address_lo = static_cast<u32>(kTranslater);
    message.flags = KVM_MSI_VALID_DEVID;
    message.devid = kDevice;
    return ioctl_trial(device, device->scene.vm, KVM_SIGNAL_MSI, message);
}

// The first route by MSI of a VM.
Trial msi_route() {
    const auto device = make_its(State::mapped);
    struct Table {
        u32 count, flags;
        kvm_irq_routing_entry route;
    };
    Table table{};
    static_assert(offsetof(Table, route) == sizeof(kvm_irq_routing));
    table.count = 1;
    table.route.gsi = 1;
    table.route.type = KVM_IRQ_ROUTING_MSI;
    table.route.flags = KVM_MSI_VALID_DEVID;
    table.route.u.msi.address_lo = static_cast<u32>(kTranslater);
    table.route.u.msi.devid = kDevice;
    return ioctl_trial(device, device->scene.vm, KVM_SET_GSI_ROUTING, table);
}

constexpr auto kSet = KVM_SET_DEVICE_ATTR, kGet = KVM_GET_DEVICE_ATTR, kHas = KVM_HAS_DEVICE_ATTR;

}  // namespace

Steps its_steps() {
    return {
        {"create-its", [] { return create(0); }},
        {"create-its-test", [] { return create(KVM_CREATE_DEVICE_TEST); }, {EFAULT}},
        {"its-set-address", [] { return attribute(State::made, kSet, KVM_DEV_ARM_VGIC_GRP_ADDR, kTypeIts, kItsFrame); }},
        {"its-get-address", [] { return attribute(State::placed, kGet, KVM_DEV_ARM_VGIC_GRP_ADDR, kTypeIts); }, {EFAULT}},
        {"its-has-attr", [] { return attribute(State::made, kHas, KVM_DEV_ARM_VGIC_GRP_ADDR, kTypeIts); }, {EFAULT}},
        {"its-init", [] { return attribute(State::placed, kSet, KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT); }},
        {"its-register-set", [] { return attribute(State::initialised, kSet, kGroupRegisters, kCbaser, kValid | kQueue); }},
        {"its-register-get", [] { return attribute(State::initialised, kGet, kGroupRegisters, kCbaser); }},
        {"its-restore-tables", [] { return attribute(State::mapped, kSet, KVM_DEV_ARM_VGIC_GRP_CTRL, kRestoreTables); }},
        {"its-save-tables", [] { return attribute(State::mapped, kSet, KVM_DEV_ARM_VGIC_GRP_CTRL, kSaveTables); }},
        {"its-reset", [] { return attribute(State::mapped, kSet, KVM_DEV_ARM_VGIC_GRP_CTRL, kReset); }},
        {"its-signal-msi", signal_msi, {EFAULT}},
        {"its-msi-route", msi_route},
    };
}

}  // namespace nest::fail_nth
