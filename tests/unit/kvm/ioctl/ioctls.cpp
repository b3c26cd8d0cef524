// SPDX-License-Identifier: GPL-2.0-only
// What the descriptors answer to bad and good requests.
#include <tests/unit/kvm/run/fixture.hpp>

#include <kvm/abi/capability.hpp>
#include <kvm/abi/device.hpp>
#include <kvm/vm/machine.hpp>

namespace nest::kvm {
namespace {

constexpr long kENoEnt = -2, kEIo = -5, kEFault = -14, kEExist = -17, kENoDev = -19, kEInval = -22, kENxIo = -6;

TEST_F(VmTest, VmTypes) {
    nest_vm* other = nullptr;
    for (unsigned long bad : {1ul, 31ul, 49ul, 0x100ul, 0x8000'0000ul})
        EXPECT_EQ(nest_vm_create(host(), bad, &other), kEInval) << bad;
    ASSERT_EQ(nest_vm_create(host(), 36, &other), 0);
    nest_vm_release(other);
}

TEST_F(VmTest, SystemQuestions) {
    EXPECT_EQ(nest_dev_ioctl(abi::KVM_GET_API_VERSION, 0), 12);
    EXPECT_EQ(nest_dev_ioctl(abi::KVM_GET_API_VERSION, 1), kEInval);
    for (unsigned shift : {16, 14, 12}) {
        test::port().page_shift = shift;
        EXPECT_EQ(nest_dev_ioctl(abi::KVM_GET_VCPU_MMAP_SIZE, 0), 2l << shift);
    }
    EXPECT_EQ(nest_dev_ioctl(abi::KVM_CHECK_EXTENSION, abi::KVM_CAP_ARM_VM_IPA_SIZE), 40);
    EXPECT_EQ(nest_dev_ioctl(abi::KVM_CHECK_EXTENSION, abi::KVM_CAP_ARM_SVE), 0);
    EXPECT_EQ(nest_dev_ioctl(abi::KVM_CHECK_EXTENSION, 0xffff'ffff), 0);
    EXPECT_EQ(nest_dev_ioctl(0xdead, 0), kEInval);
}

TEST_F(VmTest, TheDefaultIpaSizeIsRefusedWhereItIsTooLarge) {
    nest_vm* other = nullptr;
    the_machine->ipa_limit = 36;
    EXPECT_EQ(nest_vm_create(host(), 0, &other), kEInval);
    ASSERT_EQ(nest_vm_create(host(), 36, &other), 0);
    nest_vm_release(other);
}

TEST_F(VmTest, VcpuIds) {
    make_vcpu();
    EXPECT_EQ(nest_vm_ioctl(vm, abi::KVM_CREATE_VCPU, 0), kEExist);
    EXPECT_EQ(nest_vm_ioctl(vm, abi::KVM_CREATE_VCPU, kMaxVcpus), kEInval);
    EXPECT_EQ(nest_vm_ioctl(vm, abi::KVM_CREATE_VCPU, ~0ul), kEInval);
}

TEST_F(VmTest, EveryFailingAllocationIsAnError) {
    unsigned failures = 0;
    for (u64 n = 1; n < 64; n++) {
        test::port().fail_allocation = n;
        nest_vm* other = nullptr;
        const int error = nest_vm_create(host(), 0, &other);
        test::port().fail_allocation = 0;
        if (error == 0) {
            nest_vm_release(other);
            break;
        }
        EXPECT_EQ(error, -12) << "allocation " << n;
        failures++;
    }
    EXPECT_GE(failures, 3u) << "the VM, its table, its ring";
}

TEST_F(VmTest, Devices) {
    abi::CreateDevice its{abi::KVM_DEV_TYPE_ARM_VGIC_ITS, 0, 0};
    EXPECT_EQ(vm_ioctl(abi::KVM_CREATE_DEVICE, &its), kENoDev) << "before the vGIC";
    abi::CreateDevice test{abi::KVM_DEV_TYPE_ARM_VGIC_V3, 77, abi::KVM_CREATE_DEVICE_TEST};
    EXPECT_EQ(vm_ioctl(abi::KVM_CREATE_DEVICE, &test), 0);
    EXPECT_EQ(test.fd, 77u) << "a test creates nothing";
    abi::CreateDevice gic{abi::KVM_DEV_TYPE_ARM_VGIC_V3, 0, 0};
    ASSERT_EQ(vm_ioctl(abi::KVM_CREATE_DEVICE, &gic), 0);
    EXPECT_EQ(vm_ioctl(abi::KVM_CREATE_DEVICE, &gic), kEExist);
    nest_device_release(test::port().files.at(static_cast<int>(gic.fd)).object);
}

TEST_F(VmTest, VcpuAttributes) {
    make_vcpu();
    abi::DeviceAttr attr{0, 99, 0, 0};
    EXPECT_EQ(ioctl(abi::KVM_HAS_DEVICE_ATTR, &attr), kENxIo);
    attr = {0, abi::KVM_ARM_VCPU_TIMER_CTRL, abi::KVM_ARM_VCPU_TIMER_IRQ_VTIMER, 0};
    EXPECT_EQ(ioctl(abi::KVM_HAS_DEVICE_ATTR, &attr), 0);
    EXPECT_EQ(ioctl(abi::KVM_SET_DEVICE_ATTR, &attr), kEInval) << "no in-kernel GIC";
}

TEST_F(VmTest, RegistersRoundTrip) {
    make_vcpu();
    u64 value = 0x1234;
    abi::OneReg reg{abi::KVM_REG_ARM64 | abi::KVM_REG_SIZE_U64 | abi::KVM_REG_ARM_CORE | NEST_CORE_OFFSET(regs[7]),
                    reinterpret_cast<u64>(&value)};
    EXPECT_EQ(ioctl(abi::KVM_SET_ONE_REG, &reg), 0);
    value = 0;
    EXPECT_EQ(ioctl(abi::KVM_GET_ONE_REG, &reg), 0);
    EXPECT_EQ(value, 0x1234u);
    reg.id = abi::KVM_REG_ARM64 | abi::KVM_REG_SIZE_U64 | abi::KVM_REG_ARM64_SYSREG | 0x3fff;
    EXPECT_EQ(ioctl(abi::KVM_GET_ONE_REG, &reg), kENoEnt);
}

TEST_F(VmTest, MpStates) {
    make_vcpu();
    abi::MpState state{abi::KVM_MP_STATE_STOPPED};
    EXPECT_EQ(ioctl(abi::KVM_SET_MP_STATE, &state), 0);
    state.mp_state = 0;
    EXPECT_EQ(ioctl(abi::KVM_GET_MP_STATE, &state), 0);
    EXPECT_EQ(state.mp_state, abi::KVM_MP_STATE_STOPPED);
    state.mp_state = 77;
    EXPECT_EQ(ioctl(abi::KVM_SET_MP_STATE, &state), kEInval);
}

TEST_F(VmTest, ADeadVmAnswersEio) {
    make_vcpu();
    nest_mmu_release(vm);
    EXPECT_EQ(vm_ioctl(abi::KVM_CHECK_EXTENSION), kEIo);
    EXPECT_EQ(ioctl(abi::KVM_RUN), kEIo);
}

// A descriptor that was passed on, or inherited: its memory is not the caller's.
TEST_F(VmTest, AnotherProcessGetsEio) {
    make_vcpu();
    test::port().vm_is_foreign = true;
    test::port().signal_pending = test::port().entry_blocked = true;
    abi::MpState state{};
    EXPECT_EQ(vm_ioctl(abi::KVM_CHECK_EXTENSION), kEIo);
    EXPECT_EQ(ioctl(abi::KVM_RUN), kEIo);
    EXPECT_EQ(ioctl(abi::KVM_GET_MP_STATE, &state), kEIo);
    test::port().vm_is_foreign = false;
    EXPECT_EQ(ioctl(abi::KVM_GET_MP_STATE, &state), 0);
}

TEST_F(VmTest, BadPointers) {
    make_vcpu();
    test::port().only_mapped_user_memory = true;
    for (unsigned cmd : {abi::KVM_SET_USER_MEMORY_REGION, abi::KVM_CREATE_DEVICE, abi::KVM_ENABLE_CAP, abi::KVM_IRQFD})
        EXPECT_EQ(nest_vm_ioctl(vm, cmd, 0x10), kEFault) << cmd;
    for (unsigned cmd : {abi::KVM_SET_ONE_REG, abi::KVM_ARM_VCPU_INIT, abi::KVM_SET_GUEST_DEBUG})
        EXPECT_EQ(nest_vcpu_ioctl(vcpu, cmd, 0x10), kEFault) << cmd;
    test::port().only_mapped_user_memory = false;
}

}  // namespace
}  // namespace nest::kvm
