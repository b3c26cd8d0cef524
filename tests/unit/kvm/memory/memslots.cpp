// SPDX-License-Identifier: GPL-2.0-only
#include <tests/unit/kvm/memory/slots_fixture.hpp>

namespace nest::test {
namespace {

using namespace kvm::abi;
constexpr u32 kLog = KVM_MEM_LOG_DIRTY_PAGES;
constexpr u32 kReadOnly = KVM_MEM_READONLY;

using Memslots = SlotsTest;

TEST_F(Memslots, RefusesEveryUnknownFlag) {
    for (unsigned bit = 2; bit < 32; bit++)
        EXPECT_EQ(set(0, 0, 512, kHva, 1u << bit), EINVAL) << bit;
    EXPECT_EQ(set(0, 0, 512, kHva, kLog | KVM_MEM_GUEST_MEMFD), EINVAL);
    EXPECT_EQ(slots.count(), 0u);
}

TEST_F(Memslots, ValidatesWhatOneRegionSays) {
    struct Case {
        const char* why;
        int error;
        std::function<void(abi_region&)> change;
    };
    const Case cases[] = {
        {"size not in pages", EINVAL, [](auto& r) { r.memory_size += 1; }},
        {"guest address not aligned", EINVAL, [](auto& r) { r.guest_phys_addr += 0x800; }},
        {"user address not aligned", EINVAL, [](auto& r) { r.userspace_addr += 0x10; }},
        {"tagged user address", EINVAL, [](auto& r) { r.userspace_addr |= u64{0xab} << 56; }},
        {"kernel address", EINVAL, [](auto& r) { r.userspace_addr = u64{1} << 47; }},
        {"user range wraps", EINVAL, [](auto& r) { r.userspace_addr = (u64{1} << 47) - kPage; }},
        {"guest range wraps", EINVAL, [](auto& r) { r.guest_phys_addr = ~u64{0} & ~(kPage - 1); }},
        {"slot number too large", EINVAL, [](auto& r) { r.slot = kvm::Memslots::kMaxSlots; }},
        {"slot number 65535", EINVAL, [](auto& r) { r.slot = 0xffff; }},
        {"address space 1", EINVAL, [](auto& r) { r.slot = 1 << 16; }},
        {"too many pages", EINVAL, [](auto& r) { r.memory_size = (u64{1} << 31) * kPage, r.userspace_addr = 0; }},
        {"nothing to delete", EINVAL, [](auto& r) { r.memory_size = 0; }},
        {"ends beyond the IPA space", EFAULT, [](auto& r) { r.guest_phys_addr = (u64{1} << 40) - kPage; }},
        {"begins beyond the IPA space", EFAULT, [](auto& r) { r.guest_phys_addr = u64{1} << 40; }},
    };
    for (const Case& c : cases) {
        abi_region r = region(3, 0x100, 2);
        c.change(r);
        EXPECT_EQ(set(r), c.error) << c.why;
        EXPECT_EQ(slots.count(), 0u) << c.why;
    }
    EXPECT_EQ(set(3, ((u64{1} << 40) - 2 * kPage) / kPage, 2), 0) << "up to the last page";
    EXPECT_EQ(set(kvm::Memslots::kMaxSlots - 1, 0, 1), 0) << "the last slot";
    EXPECT_TRUE(stage2.calls.empty());
}

TEST_F(Memslots, OverlapIsRefusedBeforeTheAddressSpace) {
    ASSERT_EQ(set(0, 0x100, 0x100), 0);
    EXPECT_EQ(set(1, 0x100, 0x100), EEXIST);
    EXPECT_EQ(set(1, 0xff, 2), EEXIST);
    EXPECT_EQ(set(1, 0x1ff, 1), EEXIST);
    EXPECT_EQ(set(1, 0, (u64{1} << 28) + 1), EEXIST) << "too large for the IPA space as well";
    EXPECT_EQ(set(1, 0x200, 1), 0);
    EXPECT_EQ(set(2, 0xff, 1), 0);
}

TEST_F(Memslots, SizeBackingAndAccessAreForLife) {
    ASSERT_EQ(set(0, 0x100, 0x10), 0);
    EXPECT_EQ(set(0, 0x100, 0x11), EINVAL);
    EXPECT_EQ(set(0, 0x100, 0x10, kHva + kPage), EINVAL);
    EXPECT_EQ(set(0, 0x100, 0x10, kHva, kReadOnly), EINVAL);
    u64 generation = slots.generation();
    EXPECT_EQ(set(0, 0x100, 0x10), 0) << "nothing to change";
    EXPECT_EQ(slots.generation(), generation);
    EXPECT_TRUE(stage2.calls.empty());
}

TEST_F(Memslots, DevicePagesHaveNoDirtyLog) {
    UserMapping device{};
    device.start = kHva + 3 * kPage;
    device.bytes = kPage;
    device.device = true;
    port().user_mappings.push_back(device);
    EXPECT_EQ(set(0, 0x100, 4, kHva, kLog), EINVAL);
    EXPECT_EQ(set(0, u64{1} << 28, 4, kHva, kLog), EFAULT) << "the address space comes first";
    EXPECT_EQ(slots.count(), 0u);
    EXPECT_EQ(set(0, 0x100, 3, kHva, kLog), 0) << "ends before it";
    EXPECT_EQ(set(1, 0x200, 4, kHva + 4 * kPage, kLog), 0) << "begins behind it";
    EXPECT_EQ(set(2, 0x300, 4, kHva, kReadOnly), 0);
    EXPECT_EQ(set(3, 0x400, 4), 0);
    EXPECT_EQ(set(3, 0x400, 4, kHva, kLog), EINVAL) << "later, too";
    EXPECT_FALSE(find(0x400)->logs_dirty());
    EXPECT_EQ(set(3, 0x500, 4, kHva, kLog), EINVAL) << "moved as well";
    EXPECT_EQ(find(0x500), nullptr);
    EXPECT_EQ(set(3, 0x500, 4), 0);
}

TEST_F(Memslots, DeleteUnmapsWhileNotifiersStillFindTheSlot) {
    ASSERT_EQ(set(0, 0x100, 0x10), 0);
    bool found = false;
    stage2.meanwhile = [&] { found = slots.find(0x100) != nullptr; };
    ASSERT_EQ(set(0, 0, 0), 0);
    EXPECT_TRUE(found);
    EXPECT_EQ(stage2.calls, (std::vector<StageTwoCall>{{'u', 0x100, 0x110}}));
    EXPECT_EQ(find(0x100), nullptr);
    EXPECT_EQ(set(0, 0, 0), EINVAL);
}

TEST_F(Memslots, MoveUnmapsTheOldPlaceAndMayOverlapIt) {
    ASSERT_EQ(set(0, 0x100, 0x10), 0);
    ASSERT_EQ(set(1, 0x120, 0x10, kHva + 0x100000), 0);
    EXPECT_EQ(set(0, 0x111, 0x10), EEXIST);
    EXPECT_EQ(set(0, u64{1} << 28, 0x10), EFAULT);
    EXPECT_TRUE(stage2.calls.empty());
    ASSERT_EQ(set(0, 0x10f, 0x10), 0);
    EXPECT_EQ(stage2.calls, (std::vector<StageTwoCall>{{'u', 0x100, 0x110}}));
    EXPECT_EQ(find(0x10e), nullptr);
    ASSERT_NE(find(0x10f), nullptr);
    EXPECT_EQ(find(0x110)->hva_of(0x110).raw, kHva + kPage);
}

TEST_F(Memslots, HintsDieWithEveryChange) {
    kvm::MemslotHint hint;
    EXPECT_EQ(find(0x100, hint), nullptr);
    ASSERT_EQ(set(0, 0x100, 0x10), 0);
    ASSERT_EQ(set(1, 0x200, 0x10, kHva + 0x100000), 0);
    EXPECT_EQ(find(0x100, hint)->id, 0u);
    EXPECT_EQ(find(0x10f, hint)->id, 0u);
    EXPECT_EQ(find(0x200, hint)->id, 1u);
    ASSERT_EQ(set(1, 0, 0), 0);
    EXPECT_EQ(find(0x200, hint), nullptr);
    EXPECT_EQ(find(0x10f, hint)->id, 0u);
}

TEST_F(Memslots, AHoleIsOneUntilAnythingChanges) {
    kvm::MemslotHint hint;
    EXPECT_FALSE(slots.is_hole(0, hint)) << "a fresh hint knows of none";
    ASSERT_EQ(set(0, 0x100, 0x10), 0);
    EXPECT_EQ(find(0x200, hint), nullptr);
    EXPECT_TRUE(slots.is_hole(0x200, hint));
    EXPECT_FALSE(slots.is_hole(0x201, hint));
    EXPECT_EQ(find(0x100, hint)->id, 0u);
    EXPECT_TRUE(slots.is_hole(0x200, hint)) << "beside the slot";
    ASSERT_EQ(set(1, 0x300, 0x10, kHva + 0x100000), 0);
    EXPECT_FALSE(slots.is_hole(0x200, hint));
    EXPECT_EQ(find(0x200, hint), nullptr);
    ASSERT_EQ(set(1, 0x200, 0x10, kHva + 0x100000), 0) << "the slot moves";
    EXPECT_FALSE(slots.is_hole(0x200, hint));
    EXPECT_EQ(find(0x200, hint)->id, 1u);
}

TEST_F(Memslots, TakesEverySlotAndNotOneMore) {
    for (u32 i = 0; i < kvm::Memslots::kMaxSlots; i++)
        ASSERT_EQ(set(i, i * 2, 1, kHva + i * kPage), 0) << i;
    EXPECT_EQ(set(kvm::Memslots::kMaxSlots, 0x1000000, 1), EINVAL);
    for (u32 i = 0; i < kvm::Memslots::kMaxSlots; i++) {
        ASSERT_NE(find(i * 2), nullptr);
        ASSERT_EQ(find(i * 2)->id, i);
        ASSERT_EQ(find(i * 2 + 1), nullptr);
    }
}

// The same changes with the n-th allocation failing, for every n: an error changes nothing and leaks nothing.
TEST_F(Memslots, SurvivesEveryFailedAllocation) {
    u32 id = 0;
    for (u64 n = 1;; n++, id++) {
        size_t before = slots.count();
        port().fail_allocation = n;
        int error = set(id * 16, id * 0x10, 4, kHva, kLog);
        bool failed = port().fail_allocation == 0;
        port().fail_allocation = 0;
        EXPECT_EQ(error, failed ? ENOMEM : 0);
        EXPECT_EQ(slots.count(), before + !failed);
        EXPECT_EQ(find(id * 0x10) != nullptr, !failed);
        if (!failed)
            break;
        ASSERT_EQ(set(id * 16, id * 0x10, 4, kHva), 0);
    }
    EXPECT_GE(id, 3u);
    port().fail_allocation = 1;
    EXPECT_EQ(set(0, 0, 4, kHva, kLog), ENOMEM) << "no bitmap";
    EXPECT_FALSE(find(0)->logs_dirty());
}

TEST(MemslotsMemory, NothingIsLeaked) {
    port().reset();
    size_t before = port().live_objects;
    {
        RwSemaphore lock{NEST_LOCK_SLOTS};
        SpinLock mmu_lock{NEST_LOCK_MMU};
        FakeStageTwo stage2(mmu_lock);
        kvm::Memslots slots(lock, mmu_lock, stage2, 40);
        for (u32 i = 0; i < 40; i++) {
            abi_region r{};
            r.slot = i;
            r.flags = i % 2 ? kLog : 0;
            r.guest_phys_addr = i << 20;
            r.memory_size = 0x4000;
            r.userspace_addr = 0x10000000 + (i << 20);
            ASSERT_TRUE(slots.set_region(r).ok());
            r.flags ^= kLog;
            ASSERT_TRUE(slots.set_region(r).ok());
            r.memory_size = 0;
            ASSERT_TRUE(i % 3 || slots.set_region(r).ok());
        }
    }
    EXPECT_EQ(port().live_objects, before);
}

}  // namespace
}  // namespace nest::test
