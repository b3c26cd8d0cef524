// SPDX-License-Identifier: GPL-2.0-only
// A VMM's second try at an interrupt controller: the first kind consisted of the GIC and of something that is not offered.
#include <kvm/abi/device.hpp>
#include <tests/unit/kvm/run/fixture.hpp>
#include <vgic/device/device_abi.hpp>

namespace nest::kvm {
namespace {

constexpr long kEExist = -17;

struct GicAgain : VmTest {
    abi::CreateDevice device{};

    long create() {
        device = {abi::KVM_DEV_TYPE_ARM_VGIC_V3, 0, 0};
        return vm_ioctl(abi::KVM_CREATE_DEVICE, &device);
    }
    void* gic() { return test::port().files.at(static_cast<int>(device.fd)).object; }
    template <typename T>
    long set(u32 group, u64 number, T value) {
        vgic::DeviceAttr attr{0, group, number, reinterpret_cast<u64>(&value)};
        return nest_device_ioctl(gic(), abi::KVM_SET_DEVICE_ATTR, reinterpret_cast<u64>(&attr));
    }
    void lay_out(u64 base, u32 interrupts) {
        EXPECT_EQ(set(vgic::KVM_DEV_ARM_VGIC_GRP_ADDR, vgic::KVM_VGIC_V3_ADDR_TYPE_DIST, base), 0);
        EXPECT_EQ(set(vgic::KVM_DEV_ARM_VGIC_GRP_ADDR, vgic::KVM_VGIC_V3_ADDR_TYPE_REDIST, base + 0xa'0000), 0);
        EXPECT_EQ(set(vgic::KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0, interrupts), 0);
    }
};

TEST_F(GicAgain, ClosedBeforeItsInitialisationItIsNew) {
    make_vcpu();
    ASSERT_EQ(create(), 0);
    void* const first = gic();
    lay_out(0x800'0000, 64);
    EXPECT_EQ(create(), kEExist) << "the first one is open";
    nest_device_release(first);

    ASSERT_EQ(create(), 0);
    lay_out(0x900'0000, 96);
    EXPECT_EQ(core().gic.redist_base, 0x90a'0000u);
    EXPECT_EQ(set(vgic::KVM_DEV_ARM_VGIC_GRP_CTRL, vgic::KVM_DEV_ARM_VGIC_CTRL_INIT, u64{0}), 0);
    EXPECT_EQ(core().vm.gic.distributor()->interrupts(), 96u);
    EXPECT_TRUE(core().vm.gic.distributor()->check_ready().ok());
    nest_device_release(gic());
    EXPECT_EQ(create(), kEExist) << "it is the VM's for good, open or not";
}

// KVM_IRQ_LINE on another thread has looked it up: what is found stays.
TEST_F(GicAgain, ItIsTheSameOneToWhomeverHasFoundIt) {
    make_vcpu();
    ASSERT_EQ(create(), 0);
    vgic::Distributor* const found = core().vm.gic.distributor();
    nest_device_release(gic());
    EXPECT_EQ(core().vm.gic.distributor(), found);
    ASSERT_EQ(create(), 0);
    EXPECT_EQ(core().vm.gic.distributor(), found);
    EXPECT_EQ(found->cpu_count(), 1u);
    nest_device_release(gic());
}

}  // namespace
}  // namespace nest::kvm
