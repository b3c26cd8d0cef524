// SPDX-License-Identifier: GPL-2.0-only
// Stores to ioeventfds: the first of a vCPU to a page is a fault like any other, further ones take the short way, and whoever comes
// to have the page meanwhile must get them.
#include <tests/unit/kvm/fault/fixture.hpp>

#include <kvm/abi/irq.hpp>
#include <vgic/device/its_abi.hpp>

namespace nest::kvm {
namespace {

struct Doorbell : FaultTest {
    static constexpr u64 kBell = 0x808'0000, kPc = 0x1000;
    int fd = -1;

    void SetUp() override {
        FaultTest::SetUp();
        make_vcpu();
        core().context.pc = kPc;
        core().context.x[3] = 7;
        fd = test::port().make_eventfd();
        ASSERT_EQ(ioeventfd(0), 0);
    }
    long ioeventfd(u32 flags, u64 match = 0) {
        abi::Ioeventfd args{match, kBell, 4, fd, flags, {}};
        return vm_ioctl(abi::KVM_IOEVENTFD, &args);
    }
    u64 rung() { return test::port().eventfd_count(fd); }
    void ring(unsigned times) {
        ASSERT_EQ(run_steps(std::vector<Step>(times, writes(kBell))), kInterrupted);
    }
    // One store, which is the VMM's to answer.
    void store_for_the_vmm(u64 address, u64 syndrome) {
        ASSERT_EQ(run_steps({abort(address, syndrome)}), 0);
        EXPECT_EQ(run->exit_reason, abi::KVM_EXIT_MMIO);
        EXPECT_EQ(run->mmio.phys_addr, address);
        core().mmio.abandon();
    }
};

TEST_F(Doorbell, RingsEachTime) {
    ring(3);
    EXPECT_EQ(rung(), 3u);
    EXPECT_EQ(core().context.pc, kPc + 12);
    EXPECT_EQ(core().stats.mmio_exit_kernel, 3u);
    EXPECT_EQ(core().stats.mmio_exit_user, 0u);
}

TEST_F(Doorbell, OtherAccessesOfItsPageAreTheVmms) {
    ring(1);
    store_for_the_vmm(kBell + 4, kTranslation3 | kWrite);
    store_for_the_vmm(kBell, kTranslation3);
    EXPECT_EQ(run->mmio.is_write, 0);
    ring(1);
    EXPECT_EQ(rung(), 2u);
}

// The syndromes of a table walk, and of ST64B, say nothing of a register.
TEST_F(Doorbell, OnlyAStoreOfARegisterRings) {
    ring(1);
    constexpr u64 kSt64b = 1 << 11;
    ASSERT_EQ(run_steps({abort(kBell, kTranslation3 | kWrite | kSt64b)}), 0);
    EXPECT_EQ(run->exit_reason, abi::KVM_EXIT_ARM_LDST64B);
    EXPECT_EQ(run_steps({abort(kBell, kTranslation3 | kWrite | kWalk)}), kInterrupted) << "the guest's own external abort";
    constexpr u64 kExternal = 0x10;
    EXPECT_EQ(run_steps({abort(kBell, kExternal | kWrite)}), kInterrupted) << "a bus error; the address is the last fault's";
    EXPECT_EQ(rung(), 1u);
}

TEST_F(Doorbell, IsSilentOnceItIsGone) {
    ring(2);
    ASSERT_EQ(ioeventfd(abi::KVM_IOEVENTFD_FLAG_DEASSIGN), 0);
    store_for_the_vmm(kBell, kTranslation3 | kWrite);
    EXPECT_EQ(run->mmio.data[0], 7);
    EXPECT_EQ(rung(), 2u);
}

TEST_F(Doorbell, ItsValueIsLookedAt) {
    ASSERT_EQ(ioeventfd(abi::KVM_IOEVENTFD_FLAG_DEASSIGN), 0);
    ASSERT_EQ(ioeventfd(abi::KVM_IOEVENTFD_FLAG_DATAMATCH, 7), 0);
    ring(2);
    core().context.x[3] = 8;
    store_for_the_vmm(kBell, kTranslation3 | kWrite);
    EXPECT_EQ(rung(), 2u);
}

TEST_F(Doorbell, ASlotAtItsPageTakesTheStore) {
    ring(2);
    const u64 pc = core().context.pc;
    ASSERT_EQ(set_slot(0, kBell, 0, u64{1} << nest_port_page_shift()), 0);
    EXPECT_EQ(run_steps({writes(kBell)}), kInterrupted);
    EXPECT_EQ(rung(), 2u);
    EXPECT_TRUE(leaf(kBell).valid);
    EXPECT_EQ(core().context.pc, pc) << "the store is made again";
}

TEST_F(Doorbell, AnItsAtItsPageTakesTheStore) {
    make_gic();
    void* const its = make_device(abi::KVM_DEV_TYPE_ARM_VGIC_ITS);
    ring(2);
    ASSERT_EQ(set_device(its, vgic::KVM_DEV_ARM_VGIC_GRP_ADDR, vgic::KVM_VGIC_ITS_ADDR_TYPE, kBell), 0);
    ring(1);
    EXPECT_EQ(rung(), 3u) << "an ITS that is not initialised has no frames";
    ASSERT_EQ(set_device(its, vgic::KVM_DEV_ARM_VGIC_GRP_CTRL, vgic::KVM_DEV_ARM_VGIC_CTRL_INIT), 0);
    ring(1);
    EXPECT_EQ(rung(), 3u);
}

TEST_F(Doorbell, AFrameOfTheGicComesFirst) {
    make_gic();
    abi::Ioeventfd args{0, kGicBase + 0x100, 4, fd, 0, {}};
    ASSERT_EQ(vm_ioctl(abi::KVM_IOEVENTFD, &args), 0);
    ring(1);
    ASSERT_EQ(run_steps({writes(kGicBase + 0x100), writes(kGicBase + 0x100)}), kInterrupted);
    EXPECT_EQ(rung(), 1u);
}

}  // namespace
}  // namespace nest::kvm
