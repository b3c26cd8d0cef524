// SPDX-License-Identifier: GPL-2.0-only
// An ioctl whose n-th allocation fails says ENOMEM, and does all of its work when it is called again.
#include <tests/unit/kvm/run/fixture.hpp>

#include <kvm/abi/device.hpp>
#include <kvm/abi/irq.hpp>
#include <vgic/device/device_abi.hpp>

namespace nest::kvm {
namespace {

constexpr long kENoExec = -8, kENoMem = -12;

struct FailingAllocations : VmTest {
    void* gic = nullptr;

    void TearDown() override {
        if (gic)
            nest_device_release(gic);
        VmTest::TearDown();
    }
    // With the first allocation of `call` failing, then the second, … until it gets through; `after_failure` each time it
    // did not. How many failed.
    template <typename Call, typename AfterFailure>
    unsigned fail_each(Call call, AfterFailure after_failure) {
        unsigned failures = 0;
        for (u64 n = 1; n < 64; n++) {
            test::port().fail_allocation = n;
            const long result = call();
            test::port().fail_allocation = 0;
            if (result >= 0)
                break;
            EXPECT_EQ(result, kENoMem) << "allocation " << n;
            after_failure();
            failures++;
        }
        return failures;
    }
    void create_gic() {
        abi::CreateDevice device{abi::KVM_DEV_TYPE_ARM_VGIC_V3, 0, 0};
        ASSERT_EQ(vm_ioctl(abi::KVM_CREATE_DEVICE, &device), 0);
        gic = test::port().files.at(static_cast<int>(device.fd)).object;
    }
    long init_gic() {
        vgic::DeviceAttr attr{0, vgic::KVM_DEV_ARM_VGIC_GRP_CTRL, vgic::KVM_DEV_ARM_VGIC_CTRL_INIT, 0};
        return nest_device_ioctl(gic, abi::KVM_SET_DEVICE_ATTR, reinterpret_cast<u64>(&attr));
    }
};

TEST_F(FailingAllocations, TheVgicsInitComesWithItsRoutes) {
    make_vcpu();
    create_gic();
    auto& routing = reinterpret_cast<Vm*>(vm)->routing;
    const unsigned failures = fail_each([&] { return init_gic(); }, [&] { EXPECT_FALSE(core().gic.distributor->initialized()); });
    EXPECT_GE(failures, 3u) << "two tables of routes, the SPIs";
    EXPECT_EQ(routing.route(7).kind, IrqRoute::Kind::kSpi);
    EXPECT_EQ(routing.route(7).intid, 39u);
    EXPECT_EQ(routing.route(223).kind, IrqRoute::Kind::kSpi) << "as many SPIs as there are if nobody says";
    EXPECT_EQ(routing.route(224).kind, IrqRoute::Kind::kNone);
}

TEST_F(FailingAllocations, AVcpuWithoutItsShadowsDoesNotRun) {
    auto& registers = test::port().feature_registers;
    const u16 mmfr2 = arch::encoding_of(arch::SysReg::ID_AA64MMFR2_EL1).raw;
    nest_vm_release(vm);
    nest_core_exit();
    registers[mmfr2] |= u64{2} << 24;  // NV2
    cpu().registers[arch::SysReg::ID_AA64MMFR2_EL1] = registers[mmfr2];
    const nest_host_config config{true, 27, 30, 25, false, true};
    ASSERT_EQ(nest_core_init(&config), 0);
    nest_cpu_online();
    ASSERT_EQ(nest_vm_create(host(), 0, &vm), 0);
    const long fd = nest_vm_ioctl(vm, abi::KVM_CREATE_VCPU, 0);
    vcpu = static_cast<nest_vcpu*>(test::port().files.at(static_cast<int>(fd)).object);
    abi::VcpuInit init{abi::KVM_ARM_TARGET_GENERIC_V8, {1 << abi::KVM_ARM_VCPU_PSCI_0_2 | 1 << abi::KVM_ARM_VCPU_HAS_EL2}};
    const unsigned failures =
        fail_each([&] { return ioctl(abi::KVM_ARM_VCPU_INIT, &init); }, [&] { EXPECT_EQ(ioctl(abi::KVM_RUN), kENoExec); });
    EXPECT_GE(failures, 1u);
    EXPECT_TRUE(core().vm.nested_mmu.enabled());
}

}  // namespace
}  // namespace nest::kvm
