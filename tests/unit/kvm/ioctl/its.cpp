// SPDX-License-Identifier: GPL-2.0-only
// The ITS's device where it meets the rest of the VM: its descriptor, its attributes, messages and their routes.
#include <tests/unit/kvm/run/fixture.hpp>

#include <kvm/abi/device.hpp>
#include <kvm/abi/irq.hpp>
#include <vgic/device/its_abi.hpp>

namespace nest::kvm {
namespace {

constexpr u64 kBase = 0x808'0000;
constexpr u64 kTyper = 0x8, kIidr = 0x4, kCtlr = 0x0;
constexpr long kENxIo = -6, kEExistError = -17, kEInvalError = -22, kENoDevError = -19, kE2Big = -7, kEFaultError = -14;

struct ItsAbi : VmTest {
    void* gic = nullptr;
    void* its = nullptr;
    long create(u32 type, void*& object) {
        abi::CreateDevice device{type, 0, 0};
        const long result = vm_ioctl(abi::KVM_CREATE_DEVICE, &device);
        if (result == 0)
            object = test::port().files.at(static_cast<int>(device.fd)).object;
        return result;
    }
    void make_both() {
        make_vcpu();
        ASSERT_EQ(create(abi::KVM_DEV_TYPE_ARM_VGIC_V3, gic), 0);
        ASSERT_EQ(create(abi::KVM_DEV_TYPE_ARM_VGIC_ITS, its), 0);
    }
    void TearDown() override {
        for (void* device : {its, gic})
            if (device)
                nest_device_release(device);
        VmTest::TearDown();
    }
    long attr(unsigned cmd, u32 group, u64 number, u64* value) {
        abi::DeviceAttr a{0, group, number, reinterpret_cast<u64>(value)};
        return nest_device_ioctl(its, cmd, reinterpret_cast<u64>(&a));
    }
    long set(u32 group, u64 number, u64 value = 0) { return attr(abi::KVM_SET_DEVICE_ATTR, group, number, &value); }
    long has(u32 group, u64 number) { return attr(abi::KVM_HAS_DEVICE_ATTR, group, number, nullptr); }
    long set_base(u64 base) { return set(vgic::KVM_DEV_ARM_VGIC_GRP_ADDR, vgic::KVM_VGIC_ITS_ADDR_TYPE, base); }
    long control(u64 which) { return set(vgic::KVM_DEV_ARM_VGIC_GRP_CTRL, which); }
    long message(u64 address, u32 flags = abi::KVM_MSI_VALID_DEVID) {
        abi::Msi msi{static_cast<u32>(address), static_cast<u32>(address >> 32), 1, flags, 8, {}};
        return vm_ioctl(abi::KVM_SIGNAL_MSI, &msi);
    }
};

TEST_F(ItsAbi, ComesAfterTheVgic) {
    make_vcpu();
    EXPECT_EQ(create(abi::KVM_DEV_TYPE_ARM_VGIC_ITS, its), kENoDevError);
    ASSERT_EQ(create(abi::KVM_DEV_TYPE_ARM_VGIC_V3, gic), 0);
    EXPECT_EQ(nest_vm_ioctl(vm, abi::KVM_CHECK_EXTENSION, abi::KVM_CAP_MSI_DEVID), 0);
    EXPECT_EQ(create(abi::KVM_DEV_TYPE_ARM_VGIC_ITS, its), 0);
    EXPECT_EQ(nest_vm_ioctl(vm, abi::KVM_CHECK_EXTENSION, abi::KVM_CAP_MSI_DEVID), 1);
}

TEST_F(ItsAbi, AddressThenInitialisation) {
    make_both();
    EXPECT_EQ(control(vgic::KVM_DEV_ARM_VGIC_CTRL_INIT), 0) << "as QEMU does";
    u32 offset = 0;
    EXPECT_EQ(core().vm.gic.its_list().find(0, offset), nullptr) << "at no address";
    EXPECT_EQ(set(vgic::KVM_DEV_ARM_VGIC_GRP_ITS_REGS, kCtlr), kENxIo);
    EXPECT_EQ(set_base(kBase + 0x1000), kEInvalError);
    EXPECT_EQ(set_base(u64{1} << 51), kE2Big);
    EXPECT_EQ(set_base(kBase), 0);
    EXPECT_EQ(set_base(kBase), kEExistError);
    u64 base = 0;
    EXPECT_EQ(attr(abi::KVM_GET_DEVICE_ATTR, vgic::KVM_DEV_ARM_VGIC_GRP_ADDR, vgic::KVM_VGIC_ITS_ADDR_TYPE, &base), 0);
    EXPECT_EQ(base, kBase);
    EXPECT_EQ(control(vgic::KVM_DEV_ARM_VGIC_CTRL_INIT), 0);
    EXPECT_EQ(control(vgic::KVM_DEV_ARM_VGIC_CTRL_INIT), 0);
    EXPECT_EQ(control(3), kENxIo);
    EXPECT_EQ(set(vgic::KVM_DEV_ARM_VGIC_GRP_ADDR, 2, kBase), kENoDevError);
    EXPECT_EQ(attr(abi::KVM_GET_DEVICE_ATTR, vgic::KVM_DEV_ARM_VGIC_GRP_ADDR, 2, &base), kENoDevError);
    EXPECT_EQ(set(77, 0), kENxIo);
}

TEST_F(ItsAbi, RegistersOfUserSpace) {
    make_both();
    ASSERT_EQ(set_base(kBase), 0);
    ASSERT_EQ(control(vgic::KVM_DEV_ARM_VGIC_CTRL_INIT), 0);
    u64 value = 0;
    EXPECT_EQ(attr(abi::KVM_GET_DEVICE_ATTR, vgic::KVM_DEV_ARM_VGIC_GRP_ITS_REGS, kTyper, &value), 0);
    EXPECT_EQ(value & 1, 1u) << "physical LPIs";
    EXPECT_EQ(attr(abi::KVM_GET_DEVICE_ATTR, vgic::KVM_DEV_ARM_VGIC_GRP_ITS_REGS, kTyper, nullptr), kEFaultError);
    EXPECT_EQ(has(vgic::KVM_DEV_ARM_VGIC_GRP_ITS_REGS, kIidr), 0);
    EXPECT_EQ(has(vgic::KVM_DEV_ARM_VGIC_GRP_ITS_REGS, 0x500), kENxIo);
    EXPECT_EQ(has(vgic::KVM_DEV_ARM_VGIC_GRP_CTRL, vgic::KVM_DEV_ARM_ITS_SAVE_TABLES), 0);
    EXPECT_EQ(has(vgic::KVM_DEV_ARM_VGIC_GRP_CTRL, 3), kENxIo);
    EXPECT_EQ(control(vgic::KVM_DEV_ARM_ITS_CTRL_RESET), 0);
}

TEST_F(ItsAbi, AMessageNamesItsDeviceAndItsIts) {
    make_both();
    ASSERT_EQ(set_base(kBase), 0);
    const u64 doorbell = kBase + vgic::kItsTranslater;
    EXPECT_EQ(message(doorbell), kEInvalError) << "not initialised";
    ASSERT_EQ(control(vgic::KVM_DEV_ARM_VGIC_CTRL_INIT), 0);
    EXPECT_EQ(message(doorbell), 0) << "the guest has mapped nothing";
    EXPECT_EQ(message(doorbell, 0), kEInvalError);
    EXPECT_EQ(message(doorbell, 2 | abi::KVM_MSI_VALID_DEVID), kEInvalError);
    EXPECT_EQ(message(kBase + vgic::kItsSize), kEInvalError);
}

// The VMM closes everything while its guest's devices are set up; under ASan.
TEST_F(ItsAbi, ItEndsBeforeTheVcpusOfItsLpis) {
    make_both();
    constexpr u64 kRam = 0x4000'0000, kValid = u64{1} << 63;
    constexpr size_t kBytes = 0x2'0000;
    alignas(0x1000) static u64 memory[kBytes / 8];
    abi::UserMemoryRegion2 slot{};
    slot.guest_phys_addr = kRam;
    slot.memory_size = kBytes;
    slot.userspace_addr = reinterpret_cast<u64>(memory);
    ASSERT_EQ(vm_ioctl(abi::KVM_SET_USER_MEMORY_REGION, &slot), 0);
    const auto store = [](u64 offset, u64 entry) { memory[offset / 8] = entry; };
    store(0x2000, kValid | 1);                              // collection 1: vCPU 0
    store(0x1000 + 3 * 8, kValid | (kRam + 0x3000) >> 8 << 5);  // device 3: two events
    store(0x3000, u64{8192} << 16 | 1);                     // event 0: LPI 8192, collection 1

    u64 written = 0;
    abi::DeviceAttr wanted{0, vgic::KVM_DEV_ARM_VGIC_GRP_ADDR, vgic::KVM_VGIC_V3_ADDR_TYPE_DIST, reinterpret_cast<u64>(&written)};
    const auto set_gic = [&](u32 group, u64 number, u64 value) {
        written = value;
        wanted.group = group;
        wanted.attr = number;
        return nest_device_ioctl(gic, abi::KVM_SET_DEVICE_ATTR, reinterpret_cast<u64>(&wanted));
    };
    ASSERT_EQ(set_gic(vgic::KVM_DEV_ARM_VGIC_GRP_ADDR, vgic::KVM_VGIC_V3_ADDR_TYPE_DIST, 0x800'0000), 0);
    ASSERT_EQ(set_gic(vgic::KVM_DEV_ARM_VGIC_GRP_ADDR, vgic::KVM_VGIC_V3_ADDR_TYPE_REDIST, 0x80a'0000), 0);
    ASSERT_EQ(set_gic(vgic::KVM_DEV_ARM_VGIC_GRP_CTRL, vgic::KVM_DEV_ARM_VGIC_CTRL_INIT, 0), 0);
    ASSERT_EQ(set_gic(vgic::KVM_DEV_ARM_VGIC_GRP_REDIST_REGS, 0x70, (kRam + 0x1'0000) | 15), 0) << "GICR_PROPBASER";
    ASSERT_EQ(set_base(kBase), 0);
    ASSERT_EQ(control(vgic::KVM_DEV_ARM_VGIC_CTRL_INIT), 0);
    ASSERT_EQ(set(vgic::KVM_DEV_ARM_VGIC_GRP_ITS_REGS, 0x100, kValid | (kRam + 0x1000)), 0);
    ASSERT_EQ(set(vgic::KVM_DEV_ARM_VGIC_GRP_ITS_REGS, 0x108, kValid | (kRam + 0x2000)), 0);
    ASSERT_EQ(control(vgic::KVM_DEV_ARM_ITS_RESTORE_TABLES), 0);
    u32 offset = 0;
    ASSERT_TRUE(core().vm.gic.its_list().find(kBase, offset));
}

TEST_F(ItsAbi, RoutesToMessagesOnceThereIsOne) {
    struct {
        abi::IrqRouting header{1, 0};
        abi::IrqRoutingEntry entry{};
    } route;
    route.entry.gsi = 3;
    route.entry.type = abi::KVM_IRQ_ROUTING_MSI;
    route.entry.flags = abi::KVM_MSI_VALID_DEVID;
    EXPECT_EQ(vm_ioctl(abi::KVM_SET_GSI_ROUTING, &route), kEInvalError);
    make_both();
    EXPECT_EQ(vm_ioctl(abi::KVM_SET_GSI_ROUTING, &route), 0);
}

TEST_F(ItsAbi, ItsFramesAnswerTheGuestOnceInitialised) {
    make_both();
    VcpuDevices devices(core());
    u64 value = 0;
    EXPECT_FALSE(devices.mmio_read(arch::Ipa(kBase + kTyper), 8, value));
    ASSERT_EQ(set_base(kBase), 0);
    ASSERT_EQ(control(vgic::KVM_DEV_ARM_VGIC_CTRL_INIT), 0);
    EXPECT_TRUE(devices.mmio_read(arch::Ipa(kBase + kTyper), 8, value));
    EXPECT_EQ(value & 1, 1u);
    EXPECT_EQ(devices.mmio_write(arch::Ipa(kBase + kCtlr), 4, 1), MmioDevices::Written::kDone);
    EXPECT_EQ(devices.mmio_write(arch::Ipa(kBase + vgic::kItsSize), 4, 1), MmioDevices::Written::kNobody);
}

}  // namespace
}  // namespace nest::kvm
