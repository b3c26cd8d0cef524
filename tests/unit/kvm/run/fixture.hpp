// SPDX-License-Identifier: GPL-2.0-only
// A whole VM on the fake machine, driven through entry.h as the kernel would.
#pragma once
#include <gtest/gtest.h>
#include <kvm/abi/device.hpp>
#include <kvm/abi/ioctl.hpp>
#include <kvm/abi/registers.hpp>
#include <kvm/abi/run.hpp>
#include <kvm/cpu/cpu.hpp>
#include <kvm/vm/vm.hpp>
#include <port/entry.h>
#include <tests/fake/guest.hpp>
#include <tests/fake/port.hpp>
#include <vector>
#include <vgic/device/device_abi.hpp>

namespace nest::kvm {

// Features of an Armv8.4 machine with 40 bits of PA, FWB, no FGT.
inline void describe_machine() {
    auto& f = test::port().feature_registers;
    f.clear();
    auto set = [&](arch::SysReg r, u64 v) {
        f[arch::encoding_of(r).raw] = v;
        cpu().registers[r] = v;
    };
    set(arch::SysReg::ID_AA64PFR0_EL1, 0x1100'0000'0100'0011 | 1 << 24);
    set(arch::SysReg::ID_AA64MMFR0_EL1, 0x1122);
    set(arch::SysReg::ID_AA64MMFR1_EL1, 0x1021'2122);
    set(arch::SysReg::ID_AA64MMFR2_EL1, u64{1} << 40 | 0x1011);
    set(arch::SysReg::ID_AA64DFR0_EL1, 0x1030'5408 | 0x8);
    set(arch::SysReg::CTR_EL0, 0x9444'c004);
    cpu().registers[arch::SysReg::CNTFRQ_EL0] = 62'500'000;
    cpu().registers[arch::SysReg::ICH_VTR_EL2] = 0x9014'0003;
}

struct VmTest : testing::Test {
    nest_vm* vm = nullptr;
    nest_vcpu* vcpu = nullptr;
    abi::Run* run = nullptr;

    void SetUp() override {
        test::port().reset();
        cpu() = {};
        test::guest() = {};
        describe_machine();
        adjust_machine();
        const nest_host_config config{true, 27, 30, 25, false, true};
        ASSERT_EQ(nest_core_init(&config), 0);
        nest_cpu_vectors();
        nest_cpu_online();
        ASSERT_EQ(nest_vm_create(host(), 0, &vm), 0);
    }
    void TearDown() override {
        for (void* device : devices_)
            nest_device_release(device);
        for (nest_vcpu* each : others_)
            nest_vcpu_release(each);
        if (vcpu)
            nest_vcpu_release(vcpu);
        if (vm)
            nest_vm_release(vm);
        nest_core_exit();
        EXPECT_TRUE(test::port().nothing_leaked());
    }

    // What this test's machine has otherwise.
    virtual void adjust_machine() {}
    static nest_host_vm* host() {
        static int anything;
        return reinterpret_cast<nest_host_vm*>(&anything);
    }
    static constexpr u64 kPsci = 1 << abi::KVM_ARM_VCPU_PSCI_0_2;
    void make_vcpu(u64 features = kPsci) {
        vcpu = create(0, features);
        ASSERT_TRUE(vcpu);
        run = static_cast<abi::Run*>(nest_vcpu_mmap_page(vcpu, 0));
    }
    // Beside `vcpu`, and gone with the test; nullptr, and a failure of the test: it could not be made.
    nest_vcpu* make_another(u64 id, u64 features = kPsci) {
        nest_vcpu* made = create(id, features);
        if (made)
            others_.push_back(made);
        return made;
    }
    // A device of such a type (KVM_DEV_TYPE_*), gone with the test; nullptr, and a failure of the test: it could not be made.
    void* make_device(u32 type) {
        abi::CreateDevice device{type, 0, 0};
        EXPECT_EQ(vm_ioctl(abi::KVM_CREATE_DEVICE, &device), 0);
        const auto found = test::port().files.find(static_cast<int>(device.fd));
        if (found == test::port().files.end())
            return nullptr;
        devices_.push_back(found->second.object);
        return devices_.back();
    }
    static long set_device(void* device, u32 group, u64 number, u64 value = 0) {
        abi::DeviceAttr attr{0, group, number, reinterpret_cast<u64>(&value)};
        return nest_device_ioctl(device, abi::KVM_SET_DEVICE_ATTR, reinterpret_cast<u64>(&attr));
    }
    // An initialised GICv3, its frames where QEMU's virt board has them. Once the vCPUs are there.
    void* make_gic() {
        void* const gic = make_device(abi::KVM_DEV_TYPE_ARM_VGIC_V3);
        EXPECT_EQ(set_device(gic, vgic::KVM_DEV_ARM_VGIC_GRP_ADDR, vgic::KVM_VGIC_V3_ADDR_TYPE_DIST, kGicBase), 0);
        EXPECT_EQ(set_device(gic, vgic::KVM_DEV_ARM_VGIC_GRP_ADDR, vgic::KVM_VGIC_V3_ADDR_TYPE_REDIST, kGicBase + 0xa'0000), 0);
        EXPECT_EQ(set_device(gic, vgic::KVM_DEV_ARM_VGIC_GRP_CTRL, vgic::KVM_DEV_ARM_VGIC_CTRL_INIT), 0);
        return gic;
    }
    static constexpr u64 kGicBase = 0x800'0000;
    long ioctl(unsigned cmd, void* arg = nullptr) { return nest_vcpu_ioctl(vcpu, cmd, reinterpret_cast<u64>(arg)); }
    long vm_ioctl(unsigned cmd, void* arg = nullptr) { return nest_vm_ioctl(vm, cmd, reinterpret_cast<u64>(arg)); }
    Vcpu& core() { return *reinterpret_cast<Vcpu*>(vcpu); }
    // The guest does these, one after the other, then raises a signal for its VMM.
    void guest_does(std::vector<std::function<vhe::ExitKind(vhe::GuestContext&)>> steps) {
        test::guest().script = [steps, next = size_t{0}](vhe::GuestContext& c) mutable {
            if (next < steps.size())
                return steps[next++](c);
            test::port().signal_pending = true;
            test::port().entry_blocked = true;
            return vhe::ExitKind::kIrq;
        };
    }

private:
    nest_vcpu* create(u64 id, u64 features) {
        const long fd = nest_vm_ioctl(vm, abi::KVM_CREATE_VCPU, id);
        EXPECT_GE(fd, 0);
        if (fd < 0)
            return nullptr;
        auto* made = static_cast<nest_vcpu*>(test::port().files.at(static_cast<int>(fd)).object);
        abi::VcpuInit init{abi::KVM_ARM_TARGET_GENERIC_V8, {static_cast<u32>(features)}};
        EXPECT_EQ(nest_vcpu_ioctl(made, abi::KVM_ARM_VCPU_INIT, reinterpret_cast<u64>(&init)), 0);
        return made;
    }
    std::vector<nest_vcpu*> others_;
    std::vector<void*> devices_;
};

}  // namespace nest::kvm
