// SPDX-License-Identifier: GPL-2.0-only
// What a stage-2 fault maps, with which size and permissions, and what it answers where it cannot.
#include <cerrno>
#include <tests/unit/kvm_run/fault_fixture.hpp>

namespace nest::kvm {
namespace {

using stage2::MemoryType;

struct BringIn : FaultTest {
    static constexpr u64 kPage = arch::kPageSize;
    void SetUp() override {
        FaultTest::SetUp();
        make_vcpu();
    }
};

TEST_F(BringIn, ABlockIsNoLargerThanTheVmmsOwn) {
    ASSERT_EQ(set_slot(0, kGpa, 0, kBytes), 0);
    mapping().block_shift = 16;  // a page of a host with large ones
    EXPECT_EQ(run_steps({reads(kGpa)}), kInterrupted);
    EXPECT_EQ(leaf(kGpa).level, 3u);
    mapping().block_shift = 25;  // a block of such a host
    EXPECT_EQ(run_steps({reads(kGpa + k2M)}), kInterrupted);
    EXPECT_EQ(leaf(kGpa + k2M).level, 2u);
}

// ---- poisoned memory

TEST_F(BringIn, APoisonedPageIsTheVmmsSigbus) {
    ASSERT_EQ(set_slot(0, kGpa, 0, k2M), 0);
    mapping().error = -EHWPOISON;
    test::guest().script = [n = 0](vhe::GuestContext& c) mutable {
        EXPECT_LT(n++, 3) << "it faults for ever";
        if (n > 3)
            test::port().signal_pending = test::port().entry_blocked = true;
        return reads(kGpa + 3 * kPage)(c);
    };
    EXPECT_EQ(ioctl(abi::KVM_RUN), -EINTR);
    EXPECT_EQ(test::port().poison_signals, std::vector<u64>{hva(3 * kPage)});
    EXPECT_FALSE(leaf(kGpa + 3 * kPage).valid);
}

TEST_F(BringIn, WithoutASignalAPoisonedPageEndsTheRun) {
    ASSERT_EQ(set_slot(0, kGpa, 0, k2M), 0);
    mapping().error = -EHWPOISON;
    test::port().sigbus_blocked = true;
    EXPECT_EQ(run_steps({writes(kGpa)}), -EHWPOISON);
    EXPECT_TRUE(test::port().poison_signals.empty());
    mapping().error = 0;
    EXPECT_EQ(run_steps({writes(kGpa)}), kInterrupted) << "and then it goes on";
    EXPECT_TRUE(leaf(kGpa).valid);
}

TEST_F(BringIn, EachErrorOfThePageHasItsAnswer) {
    ASSERT_EQ(set_slot(0, kGpa, 0, k2M), 0);
    for (int error : {-EFAULT, -ENOMEM, -EIO}) {
        mapping().error = error;
        EXPECT_EQ(run_steps({writes(kGpa)}), error == -ENOMEM ? -ENOMEM : -EFAULT) << error;
    }
    for (int error : {-EAGAIN, -EINTR}) {
        mapping().error = error;
        EXPECT_EQ(run_steps({writes(kGpa)}), kInterrupted) << "tried again";
    }
    EXPECT_FALSE(leaf(kGpa).valid);
}

// ---- devices

TEST_F(BringIn, ADevicesMemoryIsWhatItsDriverAllows) {
    ASSERT_EQ(set_slot(0, kGpa, 0, k2M), 0);
    mapping().device = true;
    EXPECT_EQ(run_steps({writes(kGpa)}), kInterrupted);
    EXPECT_EQ(leaf(kGpa).attributes.type, MemoryType::Device_nGnRE);
    EXPECT_EQ(leaf(kGpa).level, 3u);
    mapping().any_uncached = true;  // write-combining
    EXPECT_EQ(run_steps({writes(kGpa + kPage)}), kInterrupted);
    EXPECT_EQ(leaf(kGpa + kPage).attributes.type, MemoryType::NormalNC);
    EXPECT_TRUE(leaf(kGpa + kPage).attributes.prot.w);
    EXPECT_FALSE(leaf(kGpa + kPage).attributes.prot.x) << "nothing is fetched from a device";
    EXPECT_EQ(leaf(kGpa + kPage).attributes.software, kOutsideLinearMap);
}

}  // namespace
}  // namespace nest::kvm
