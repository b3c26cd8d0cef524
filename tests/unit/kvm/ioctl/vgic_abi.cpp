// SPDX-License-Identifier: GPL-2.0-only
// The vGIC's device where it meets the rest of the VM: default routing, and the vCPUs' registers.
#include <kvm/run/load.hpp>
#include <tests/unit/kvm/run/fixture.hpp>

#include <kvm/abi/device.hpp>
#include <kvm/abi/irq.hpp>
#include <vgic/device/device_abi.hpp>

namespace nest::kvm {
namespace {

using arch::SysReg;

struct VgicAbi : VmTest {
    void* device = nullptr;
    void open_gic() { device = make_device(abi::KVM_DEV_TYPE_ARM_VGIC_V3); }
    template <typename T>
    long access(unsigned cmd, u32 group, u64 number, T& value) {
        abi::DeviceAttr attr{0, group, number, reinterpret_cast<u64>(&value)};
        return nest_device_ioctl(device, cmd, reinterpret_cast<u64>(&attr));
    }
    template <typename T>
    long set(u32 group, u64 number, T value) {
        return access(abi::KVM_SET_DEVICE_ATTR, group, number, value);
    }
    void set_mpidr(u64 value) {
        abi::OneReg reg{abi::KVM_REG_ARM64 | abi::KVM_REG_SIZE_U64 | abi::KVM_REG_ARM64_SYSREG |
                            arch::encoding_of(SysReg::MPIDR_EL1).raw,
                        reinterpret_cast<u64>(&value)};
        ASSERT_EQ(ioctl(abi::KVM_SET_ONE_REG, &reg), 0);
    }
};

// 1024 is a number that the ABI allows; the last four are no interrupts.
TEST_F(VgicAbi, AllInterruptsThereCanBe) {
    make_vcpu();
    open_gic();
    ASSERT_EQ(set(vgic::KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0, u32{1024}), 0);
    u32 nothing = 0;
    EXPECT_EQ(access(abi::KVM_SET_DEVICE_ATTR, vgic::KVM_DEV_ARM_VGIC_GRP_CTRL, vgic::KVM_DEV_ARM_VGIC_CTRL_INIT, nothing), 0);
    auto& routing = core().vm.routing;
    EXPECT_EQ(routing.route(987).kind, IrqRoute::Kind::kSpi);
    EXPECT_EQ(routing.route(987).intid, 1019u);
    EXPECT_NE(routing.route(988).kind, IrqRoute::Kind::kSpi);
    abi::IrqLevel line{abi::KVM_ARM_IRQ_TYPE_SPI << abi::KVM_ARM_IRQ_TYPE_SHIFT | 1019, 1};
    EXPECT_EQ(vm_ioctl(abi::KVM_IRQ_LINE, &line), 0);
    line.irq++;
    EXPECT_EQ(vm_ioctl(abi::KVM_IRQ_LINE, &line), -22);
}

// MPIDR_EL1 is the VMM's to set at any time, as with Linux's KVM, and all that goes by it follows.
TEST_F(VgicAbi, AnotherMpidr) {
    make_vcpu();
    open_gic();
    u32 nothing = 0;
    ASSERT_EQ(access(abi::KVM_SET_DEVICE_ATTR, vgic::KVM_DEV_ARM_VGIC_GRP_CTRL, vgic::KVM_DEV_ARM_VGIC_CTRL_INIT, nothing), 0);
    set_mpidr(0x8000'0300);
    EXPECT_EQ(core().gic.affinity.load_relaxed(), 0x300u);
    u32 high = 0;
    EXPECT_EQ(access(abi::KVM_GET_DEVICE_ATTR, vgic::KVM_DEV_ARM_VGIC_GRP_REDIST_REGS, u64{0x300} << 32 | 0xc, high), 0);
    EXPECT_EQ(high, 0x300u) << "GICR_TYPER's upper half, by the new name";
    EXPECT_EQ(access(abi::KVM_GET_DEVICE_ATTR, vgic::KVM_DEV_ARM_VGIC_GRP_REDIST_REGS, 0xc, high), -22);
    nest_port_preempt_disable();
    load(core());
    EXPECT_EQ(cpu().registers[SysReg::VMPIDR_EL2], 0x8000'0300u);
    put(core());
    nest_port_preempt_enable();
}

}  // namespace
}  // namespace nest::kvm
