// SPDX-License-Identifier: GPL-2.0-only
// KVM_SET_SIGNAL_MASK: what a mask may look like, and when it is the thread's. Linux's side: linux/vcpu_thread.c.
#include <cstring>
#include <tests/unit/kvm/run/fixture.hpp>

namespace nest::kvm {
namespace {

struct SignalMaskTest : VmTest {
    void SetUp() override {
        VmTest::SetUp();
        make_vcpu();
    }
    // A struct kvm_signal_mask: the set follows at offset 4, unaligned for what it is.
    long set(u32 len, u64 mask) {
        alignas(4) u8 user[12];
        std::memcpy(user, &len, 4);
        std::memcpy(user + 4, &mask, 8);
        return ioctl(abi::KVM_SET_SIGNAL_MASK, user);
    }
    const test::VcpuEvents& events() { return test::port().vcpus.at(core().host); }
    void expect_restored(unsigned runs) {
        EXPECT_EQ(events().sigmask_enters, runs);
        EXPECT_EQ(events().sigmask_leaves, runs);
    }
};

TEST_F(SignalMaskTest, HasTheSizeOfTheKernelsSet) {
    EXPECT_EQ(set(8, 0x1234), 0);
    EXPECT_TRUE(events().has_sigmask);
    EXPECT_EQ(events().sigmask, 0x1234u);
    for (u32 len : {0u, 1u, 4u, 7u, 9u, 16u, 128u, ~0u})
        EXPECT_EQ(set(len, 0x5678), -22) << len;
    EXPECT_EQ(events().sigmask, 0x1234u) << "a refused one changes nothing";
    EXPECT_EQ(set(8, 0), 0) << "an empty one is a mask, too";
    EXPECT_TRUE(events().has_sigmask);
    EXPECT_EQ(ioctl(abi::KVM_SET_SIGNAL_MASK, nullptr), 0) << "no more";
    EXPECT_FALSE(events().has_sigmask);
}

TEST_F(SignalMaskTest, MayNotBeReadable) {
    ASSERT_EQ(set(8, 0x1234), 0);
    alignas(4096) static u8 pages[8192];
    test::port().only_mapped_user_memory = true;
    test::port().user_mappings = {{reinterpret_cast<u64>(pages), 4096}};
    u8* const at_the_end = pages + 4096 - 4;  // the length is there, the set is not
    const u32 len = 8;
    std::memcpy(at_the_end, &len, 4);
    EXPECT_EQ(ioctl(abi::KVM_SET_SIGNAL_MASK, at_the_end), -14);
    EXPECT_EQ(ioctl(abi::KVM_SET_SIGNAL_MASK, pages + 4096), -14);
    EXPECT_EQ(events().sigmask, 0x1234u);
}

// From before the thread's state is the guest's until after it is no more, whatever ends KVM_RUN.
TEST_F(SignalMaskTest, ActsWhileKvmRunLasts) {
    ASSERT_EQ(set(8, 0x1234), 0);
    unsigned entered = 0;
    guest_does({[&](vhe::GuestContext&) {
        EXPECT_EQ(events().sigmask_enters, 1u);
        EXPECT_EQ(events().sigmask_leaves, 0u);
        EXPECT_EQ(events().attaches, 1u);
        EXPECT_EQ(events().detaches, 0u);
        entered++;
        return vhe::ExitKind::kIrq;
    }});
    EXPECT_EQ(ioctl(abi::KVM_RUN), -4);
    EXPECT_EQ(entered, 1u);
    expect_restored(1);

    // A run that an exit to the VMM ends, by one that refuses a mode, and one that does not come so far.
    test::port().signal_pending = test::port().entry_blocked = false;
    guest_does({[](vhe::GuestContext&) {
        test::set_syndrome(arch::Ec::kDataAbortLower, 1 << 24 | 2 << 22 | 3 << 16 | 7, 0, 0x900'0000);
        return vhe::ExitKind::kSync;
    }});
    EXPECT_EQ(ioctl(abi::KVM_RUN), 0);
    EXPECT_EQ(run->exit_reason, abi::KVM_EXIT_MMIO);
    expect_restored(2);
    run->immediate_exit = 1;
    EXPECT_EQ(ioctl(abi::KVM_RUN), -4);
    expect_restored(2);
    run->immediate_exit = 0;
    guest_does({[](vhe::GuestContext& c) {
        c.pstate = 0x10;  // AArch32, which no CPU here has
        return vhe::ExitKind::kIrq;
    }});
    EXPECT_EQ(ioctl(abi::KVM_RUN), -22);
    EXPECT_EQ(run->exit_reason, abi::KVM_EXIT_FAIL_ENTRY);
    expect_restored(3);
    EXPECT_EQ(ioctl(abi::KVM_RUN), -8) << "until it is initialised again";
    expect_restored(3);
    EXPECT_TRUE(events().has_sigmask) << "the mask is the vCPU's, not the run's";
}

}  // namespace
}  // namespace nest::kvm
