// SPDX-License-Identifier: GPL-2.0-only
// What a VMM gives a vCPU with virtual EL2 by KVM_SET_ONE_REG: modes, and who it is.
#include <tests/unit/kvm/nested/fixture.hpp>

namespace nest::kvm {
namespace {

struct Identity : NestedVmTest {
    static u64 id_of(SysReg reg) {
        return abi::KVM_REG_ARM64 | abi::KVM_REG_SIZE_U64 | abi::KVM_REG_ARM64_SYSREG | arch::encoding_of(reg).raw;
    }
    long set(u64 id, u64 value) {
        abi::OneReg one{id, reinterpret_cast<u64>(&value)};
        return ioctl(abi::KVM_SET_ONE_REG, &one);
    }
    u64 get(u64 id) {
        u64 value = ~u64{0};
        abi::OneReg one{id, reinterpret_cast<u64>(&value)};
        EXPECT_EQ(ioctl(abi::KVM_GET_ONE_REG, &one), 0);
        return value;
    }
    void reset() {
        abi::VcpuInit init{abi::KVM_ARM_TARGET_GENERIC_V8,
                           {1 << abi::KVM_ARM_VCPU_PSCI_0_2 | 1 << abi::KVM_ARM_VCPU_HAS_EL2}};
        ASSERT_EQ(ioctl(abi::KVM_ARM_VCPU_INIT, &init), 0);
    }
};

// In the order of their encodings, which is that of KVM_GET_REG_LIST, and the other way round.
TEST_F(Identity, VmpidrIsMpidrUntilSomebodyGivesAnother) {
    const u64 own = id_of(SysReg::MPIDR_EL1), of_guest = id_of(SysReg::VMPIDR_EL2);
    EXPECT_EQ(get(of_guest), get(own));
    ASSERT_EQ(set(own, 0x8000'0102), 0);
    EXPECT_EQ(get(of_guest), 0x8000'0102u);
    ASSERT_EQ(set(of_guest, 0x8000'0007), 0);
    ASSERT_EQ(set(own, 0x8000'0203), 0);
    EXPECT_EQ(get(of_guest), 0x8000'0007u);
    reset();
    EXPECT_EQ(get(own), 0x8000'0203u);
    EXPECT_EQ(get(of_guest), 0x8000'0203u) << "KVM_ARM_VCPU_INIT resets the one, not the other";
}

TEST_F(Identity, HafgrtrIsThereForUserSpaceAsInLinux) {
    ASSERT_FALSE(core().vel2.config().features.has(nested::Feature::kFgt));
    abi::OneReg one{id_of(SysReg::HAFGRTR_EL2), 0};
    EXPECT_EQ(ioctl(abi::KVM_GET_ONE_REG, &one), -2) << "but not without FEAT_FGT";
}

TEST_F(Identity, ModesOfAVcpuWithEl2) {
    const u64 pstate = abi::KVM_REG_ARM64 | abi::KVM_REG_SIZE_U64 | abi::KVM_REG_ARM_CORE | NEST_CORE_OFFSET(pstate);
    for (u64 mode = 0; mode < 32; mode++) {
        const bool fine = mode == 0 || mode == 4 || mode == 5 || mode == 8 || mode == 9;  // EL0t EL1t EL1h EL2t EL2h
        EXPECT_EQ(set(pstate, 0x3c0 | mode), fine ? 0 : -22) << mode;
        if (fine) {
            EXPECT_EQ(get(pstate), 0x3c0 | mode);
            EXPECT_EQ(core().vel2.in_vel2(), mode == 8 || mode == 9 || (mode == 0 && core().vel2.tge())) << mode;
        }
    }
}

}  // namespace
}  // namespace nest::kvm
