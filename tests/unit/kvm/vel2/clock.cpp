// SPDX-License-Identifier: GPL-2.0-only
// The clock of a vCPU with virtual EL2, as its VMM saves and restores it by ONE_REG.
#include <tests/unit/kvm/nested/fixture.hpp>

#include <timer/access.hpp>

namespace nest::kvm {
namespace {

using arch::SysReg;

struct ClockTest : NestedVmTest {
    static constexpr u64 kOffset = 5'000'000'000;  // L1's CNTVOFF_EL2
    static constexpr u16 kPhysicalCount = arch::encode(3, 3, 14, 0, 1).raw, kVirtualCount = arch::encode(3, 3, 14, 3, 2).raw;
    static constexpr u16 kCntvoff = arch::encoding_of(SysReg::CNTVOFF_EL2).raw;

    void SetUp() override {
        NestedVmTest::SetUp();
        cpu().registers[SysReg::CNTPCT_EL0] = u64{1} << 40;
    }
    abi::OneReg request(u16 encoding, u64& value) {
        return {abi::KVM_REG_ARM64 | abi::KVM_REG_SIZE_U64 | abi::KVM_REG_ARM64_SYSREG | encoding, reinterpret_cast<u64>(&value)};
    }
    u64 get(u16 encoding) {
        u64 value = 0;
        auto reg = request(encoding, value);
        EXPECT_EQ(ioctl(abi::KVM_GET_ONE_REG, &reg), 0);
        return value;
    }
    void set(u16 encoding, u64 value) {
        auto reg = request(encoding, value);
        EXPECT_EQ(ioctl(abi::KVM_SET_ONE_REG, &reg), 0);
    }
};

TEST_F(ClockTest, WhatIsReadAndWrittenBackMovesNothing) {
    set(kPhysicalCount, u64{1} << 38);
    set(kCntvoff, kOffset);
    const u64 physical = get(kPhysicalCount), virt = get(kVirtualCount);
    EXPECT_EQ(physical, u64{1} << 38);
    EXPECT_EQ(virt, physical - kOffset);
    set(kVirtualCount, virt);
    EXPECT_EQ(get(kPhysicalCount), physical);
    EXPECT_EQ(get(kVirtualCount), virt);
}

TEST_F(ClockTest, RestoredInTheOrderOfTheNumbers) {
    const u64 physical = u64{1} << 38, virt = physical - kOffset;
    set(kPhysicalCount, physical);
    set(kVirtualCount, virt);
    set(kCntvoff, kOffset);
    EXPECT_EQ(get(kPhysicalCount), physical);
    EXPECT_EQ(get(kVirtualCount), virt);
}

}  // namespace
}  // namespace nest::kvm
