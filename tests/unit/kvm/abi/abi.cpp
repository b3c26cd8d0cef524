// SPDX-License-Identifier: GPL-2.0-only
// Numbers as strace shows them, and that no two ioctls or capabilities coincide. (Layouts: kvm/abi/abi.cpp.)
#include <gtest/gtest.h>
#include <kvm/abi/capability.hpp>
#include <kvm/abi/ioctl.hpp>
#include <set>

namespace nest::test {
namespace {

using namespace kvm::abi;

TEST(Abi, WellKnownIoctls) {
    EXPECT_EQ(KVM_GET_API_VERSION, 0xae00u);
    EXPECT_EQ(KVM_CREATE_VM, 0xae01u);
    EXPECT_EQ(KVM_RUN, 0xae80u);
    EXPECT_EQ(KVM_SET_USER_MEMORY_REGION, 0x4020ae46u);
    EXPECT_EQ(KVM_IOEVENTFD, 0x4040ae79u);
    EXPECT_EQ(KVM_GET_REG_LIST, 0xc008aeb0u);
    EXPECT_EQ(KVM_CREATE_DEVICE, 0xc00caee0u);
    EXPECT_EQ(KVM_ARM_PREFERRED_TARGET, 0x8020aeafu);
}

TEST(Abi, NumbersAreDistinct) {
#define IOCTL(name, ...) name,
    const u32 ioctls[] = {
#include <kvm/abi/ioctls.def>
    };
#undef IOCTL
#define CAPABILITY(name, number, answer) name,
    const u32 capabilities[] = {
#include <kvm/abi/capabilities.def>
    };
#undef CAPABILITY
    // One number has two names: its meaning depends on the descriptor.
    std::set<u32> seen(std::begin(ioctls), std::end(ioctls));
    EXPECT_EQ(KVM_ARM_SET_DEVICE_ADDR, KVM_GET_ONE_REG);
    EXPECT_EQ(seen.size() + 1, std::size(ioctls));
    EXPECT_EQ(std::set<u32>(std::begin(capabilities), std::end(capabilities)).size(), std::size(capabilities));
}

}  // namespace
}  // namespace nest::test
