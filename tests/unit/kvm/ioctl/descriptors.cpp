// SPDX-License-Identifier: GPL-2.0-only
// Objects that get descriptors, when there is none: nobody may have seen them.
#include <kvm/abi/device.hpp>
#include <kvm/abi/irq.hpp>
#include <tests/unit/kvm/run/fixture.hpp>

namespace nest::kvm {
namespace {

constexpr long kEMFile = -24, kEFault = -14;

struct Descriptors : VmTest {
    Vm& core_vm() { return *reinterpret_cast<Vm*>(vm); }
    void TearDown() override {
        EXPECT_EQ(test::port().reserved_fds, 0u);
        VmTest::TearDown();
    }
    long create_gic(abi::CreateDevice& args) {
        args.type = abi::KVM_DEV_TYPE_ARM_VGIC_V3;
        return nest_vm_ioctl(vm, abi::KVM_CREATE_DEVICE, reinterpret_cast<u64>(&args));
    }
};

// KVM_IRQ_LINE on another thread finds vCPUs without a lock and kicks what it found; under ASan.
TEST_F(Descriptors, AVcpuIsNotFoundBeforeItHasItsDescriptor) {
    Vcpu* found = nullptr;
    test::port().on_fd_reserve = [&] { found = core_vm().find_id(0); };
    test::port().fd_error = static_cast<int>(kEMFile);
    EXPECT_EQ(nest_vm_ioctl(vm, abi::KVM_CREATE_VCPU, 0), kEMFile);
    if (found)
        found->kick();
    EXPECT_EQ(found, nullptr);
    EXPECT_EQ(core_vm().online(), 0u);
    test::port().on_fd_reserve = nullptr;
    test::port().fd_error = 0;
    make_vcpu();
    EXPECT_EQ(core_vm().online(), 1u);
}

// Tools find a vCPU by the names of its files ("anon_inode:kvm-vcpu:7"), and by the VMM's process id in its statistics.
TEST_F(Descriptors, OfAVcpuCarryItsId) {
    make_vcpu();
    nest_vcpu* const another = make_another(7);
    ASSERT_TRUE(another);
    const long fd = nest_vcpu_ioctl(another, abi::KVM_GET_STATS_FD, 0);
    ASSERT_GE(fd, 0);
    unsigned found = 0;
    for (const auto& [number, file] : test::port().files)
        found += file.kind == NEST_FD_VCPU && file.vcpu_id == 7;
    EXPECT_EQ(found, 1u);
    const auto stats = test::port().files.at(static_cast<int>(fd));
    EXPECT_EQ(stats.vcpu_id, 7u);
    char text[256] = {};
    EXPECT_EQ(nest_stats_read(NEST_FD_VCPU_STATS, stats.object, reinterpret_cast<u64>(text), sizeof text, 0), 256);
    EXPECT_STREQ(text + 24, "kvm-4711/vcpu-7");
    nest_stats_release(NEST_FD_VCPU_STATS, stats.object);
}

TEST_F(Descriptors, AVcpuThatGetsNoDescriptorLeavesNothingInTheGic) {
    abi::CreateDevice args{};
    ASSERT_EQ(create_gic(args), 0);
    test::port().fd_error = static_cast<int>(kEMFile);
    EXPECT_EQ(nest_vm_ioctl(vm, abi::KVM_CREATE_VCPU, 7), kEMFile);
    test::port().fd_error = 0;
    EXPECT_EQ(core_vm().gic.distributor()->cpu_count(), 0u);
    make_vcpu();
    EXPECT_EQ(core_vm().gic.distributor()->cpu_count(), 1u);
    nest_device_release(test::port().files.at(static_cast<int>(args.fd)).object);
}

// A VMM tries again with fewer demands, and must not meet what its first attempt left.
TEST_F(Descriptors, ADeviceThatGetsNoDescriptorIsNotThere) {
    abi::CreateDevice args{};
    test::port().fd_error = static_cast<int>(kEMFile);
    EXPECT_EQ(create_gic(args), kEMFile);
    EXPECT_EQ(core_vm().gic.distributor(), nullptr);
    test::port().fd_error = 0;
    EXPECT_EQ(create_gic(args), 0);
    nest_device_release(test::port().files.at(static_cast<int>(args.fd)).object);
}

TEST_F(Descriptors, ADeviceWhoseDescriptorCannotBeToldIsNotThere) {
    abi::CreateDevice args{};
    args.type = abi::KVM_DEV_TYPE_ARM_VGIC_V3;
    const u64 at = reinterpret_cast<u64>(&args);
    test::port().on_fd_reserve = [&] { test::port().only_mapped_user_memory = true; };  // the VMM unmaps it meanwhile
    EXPECT_EQ(nest_vm_ioctl(vm, abi::KVM_CREATE_DEVICE, at), kEFault);
    test::port().on_fd_reserve = nullptr;
    test::port().only_mapped_user_memory = false;
    EXPECT_EQ(core_vm().gic.distributor(), nullptr);
    EXPECT_EQ(create_gic(args), 0);
    nest_device_release(test::port().files.at(static_cast<int>(args.fd)).object);
}

// Whoever holds a VM's lock may be waiting for the VMM's memory: the list of all VMs must not wait for that.
TEST_F(Descriptors, StatisticsOfAllVmsAreReadWithoutAVmsLock) {
    make_vcpu();
    Guard held(core_vm().lock);  // the fake's locks abort where one thread takes one twice
    nest_stats_show(nullptr);
}

TEST_F(Descriptors, StatisticsWithoutADescriptorHoldNothing) {
    make_vcpu();
    test::port().fd_error = static_cast<int>(kEMFile);
    EXPECT_EQ(nest_vm_ioctl(vm, abi::KVM_GET_STATS_FD, 0), kEMFile);
    EXPECT_EQ(ioctl(abi::KVM_GET_STATS_FD), kEMFile);
    test::port().fd_error = 0;
}

}  // namespace
}  // namespace nest::kvm
