// SPDX-License-Identifier: GPL-2.0-only
// A vCPU whose dirty ring is nearly full leaves KVM_RUN until the VMM has collected it.
#include <kvm/memory/guest_memory.hpp>
#include <tests/unit/kvm/fault/fixture.hpp>

namespace nest::kvm {
namespace {

constexpr u32 kEntries = 256;

struct RingFull : FaultTest {
    void SetUp() override {
        FaultTest::SetUp();
        mapping().block_shift = 12;
    }
    long enable(u32 capability, u64 argument, u32 flags = 0) {
        abi::EnableCap cap{};
        cap.cap = capability;
        cap.flags = flags;
        cap.args[0] = argument;
        return vm_ioctl(abi::KVM_ENABLE_CAP, &cap);
    }
    void make_ring_vcpu() {
        ASSERT_EQ(enable(abi::KVM_CAP_DIRTY_LOG_RING_ACQ_REL, kEntries * sizeof(abi::DirtyGfn)), 0);
        make_vcpu();
        ASSERT_EQ(set_slot(0, kGpa, 0, kBytes, abi::KVM_MEM_LOG_DIRTY_PAGES), 0);
    }
    abi::DirtyGfn* entries() { return static_cast<abi::DirtyGfn*>(nest_vcpu_mmap_page(vcpu, abi::KVM_DIRTY_LOG_PAGE_OFFSET)); }
};

TEST_F(RingFull, EndsTheRunUntilItIsReset) {
    make_ring_vcpu();
    u32 pages = 0;
    const Step next = [&](vhe::GuestContext& c) { return writes(kGpa + 4096 * u64{pages++})(c); };
    EXPECT_EQ(run_steps(std::vector<Step>(kEntries, next)), 0);
    EXPECT_EQ(run->exit_reason, abi::KVM_EXIT_DIRTY_RING_FULL);
    EXPECT_EQ(pages, kEntries - abi::KVM_DIRTY_RING_RESERVED);
    run->exit_reason = 0;
    EXPECT_EQ(run_steps({next}), 0) << "still full";
    EXPECT_EQ(run->exit_reason, abi::KVM_EXIT_DIRTY_RING_FULL);
    EXPECT_EQ(pages, kEntries - abi::KVM_DIRTY_RING_RESERVED) << "the guest has not run";

    EXPECT_EQ(vm_ioctl(abi::KVM_RESET_DIRTY_RINGS, nullptr), 0) << "nothing was collected";
    for (u32 n = 0; n < pages; n++) {
        EXPECT_EQ(entries()[n].offset, n);
        entries()[n].flags = abi::KVM_DIRTY_GFN_F_RESET;
    }
    EXPECT_TRUE(leaf(kGpa).attributes.prot.w);
    EXPECT_EQ(vm_ioctl(abi::KVM_RESET_DIRTY_RINGS, nullptr), static_cast<long>(pages));
    EXPECT_FALSE(leaf(kGpa).attributes.prot.w);
    EXPECT_EQ(run_steps({next}), kInterrupted);
    EXPECT_EQ(entries()[pages - 1].flags, abi::KVM_DIRTY_GFN_F_DIRTY);
}

// What is written on the guest's behalf fills the ring as well: the guest's next page would find no room.
TEST_F(RingFull, WritesOnTheGuestsBehalfEndTheRunToo) {
    make_ring_vcpu();
    const u64 word = 1;
    bool ran = false;
    for (u64 n = 0; n < kEntries - abi::KVM_DIRTY_RING_RESERVED; n++)
        EXPECT_TRUE(write_guest(core().vm.slots, arch::Ipa(kGpa + 4096 * n), &word, sizeof(word), &core().dirty_ring).ok());
    EXPECT_EQ(run_steps({[&](vhe::GuestContext&) {
        ran = true;
        return vhe::ExitKind::kIrq;
    }}), 0);
    EXPECT_EQ(run->exit_reason, abi::KVM_EXIT_DIRTY_RING_FULL);
    EXPECT_FALSE(ran);
}

TEST_F(RingFull, AResetEndsWithItsProcess) {
    make_ring_vcpu();
    for (u32 n = 0; n < kEntries; n++)
        entries()[n].flags = abi::KVM_DIRTY_GFN_F_RESET;
    test::port().killed = true;
    EXPECT_EQ(vm_ioctl(abi::KVM_RESET_DIRTY_RINGS, nullptr), 0);
    test::port().killed = false;
}

TEST_F(RingFull, SizesAreSettledBeforeTheFirstVcpu) {
    EXPECT_EQ(vm_ioctl(abi::KVM_RESET_DIRTY_RINGS, nullptr), -22) << "there are no rings";
    EXPECT_EQ(enable(abi::KVM_CAP_DIRTY_LOG_RING_ACQ_REL, 4096, 1), -22) << "flags";
    EXPECT_EQ(enable(abi::KVM_CAP_DIRTY_LOG_RING, 4096), -22) << "needs a machine with TSO";
    make_vcpu();
    EXPECT_EQ(enable(abi::KVM_CAP_DIRTY_LOG_RING_ACQ_REL, 4096), -22);
    EXPECT_EQ(nest_vcpu_mmap_page(vcpu, abi::KVM_DIRTY_LOG_PAGE_OFFSET), nullptr);
    EXPECT_FALSE(nest_vcpu_mmap_in_ring(vcpu, abi::KVM_DIRTY_LOG_PAGE_OFFSET));
}

TEST_F(RingFull, ARingThatCannotBeHadIsNoVcpu) {
    ASSERT_EQ(enable(abi::KVM_CAP_DIRTY_LOG_RING_ACQ_REL, 16 * 4096), 0);
    long fd = -1;
    u64 failures = 0;
    while (fd < 0 && failures < 100) {
        test::port().fail_allocation = failures + 1;
        fd = nest_vm_ioctl(vm, abi::KVM_CREATE_VCPU, 0);
        test::port().fail_allocation = 0;
        if (fd < 0) {
            EXPECT_EQ(fd, -12);
            failures++;
        }
    }
    EXPECT_GE(failures, 17u) << "the table of pages, and each page";
    ASSERT_GE(fd, 0);
    vcpu = static_cast<nest_vcpu*>(test::port().files.at(static_cast<int>(fd)).object);
}

}  // namespace
}  // namespace nest::kvm
