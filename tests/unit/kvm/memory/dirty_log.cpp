// SPDX-License-Identifier: GPL-2.0-only
#include <tests/unit/kvm/memory/slots_fixture.hpp>

namespace nest::test {
namespace {

using namespace kvm::abi;
constexpr u32 kLog = KVM_MEM_LOG_DIRTY_PAGES;

class DirtyLogTest : public SlotsTest {
protected:
    static constexpr u64 kGfn = 0x1000;
    static constexpr u64 kPages = 1000;  // 15 words and 40 bits
    static constexpr u64 kWords = 16;

    DirtyLogTest() { buffer.resize(kWords + 1, ~u64{0}); }
    u64 user() const { return reinterpret_cast<u64>(buffer.data()); }
    int get(u32 slot = 0) { return get(slot, user()); }
    int get(u32 slot, u64 address) {
        return static_cast<int>(-to_abi(slots.get_dirty_log(DirtyLog{slot, 0, address})));
    }
    int clear(u64 first, u32 pages, u32 slot = 0) {
        return static_cast<int>(-to_abi(slots.clear_dirty_log(ClearDirtyLog{slot, pages, first, user()})));
    }
    int enable(u64 options, u32 flags = 0) {
        return static_cast<int>(-to_abi(slots.enable_manual_dirty_log(EnableCap{0, flags, {options}, {}})));
    }
    int split_chunk(u64 bytes) { return static_cast<int>(-to_abi(slots.set_split_chunk(bytes))); }
    void mark(u64 page) { find(kGfn + page)->mark_dirty(kGfn + page, nullptr); }
    // In stage2.meanwhile, where the mmu lock is held.
    void mark_meanwhile(u64 page) { slots.find(kGfn + page)->mark_dirty(kGfn + page, nullptr); }
    bool bit(u64 page) const { return buffer[page / 64] >> (page % 64) & 1; }
    std::vector<StageTwoCall> take_calls() { return std::exchange(stage2.calls, {}); }

    std::vector<u64> buffer;
};

TEST_F(DirtyLogTest, NeedsASlotThatLogs) {
    EXPECT_EQ(get(), ENOENT);
    EXPECT_EQ(clear(0, 64), ENOENT);
    ASSERT_EQ(set(0, kGfn, kPages), 0);
    find(kGfn)->mark_dirty(kGfn, nullptr);  // nothing to mark
    EXPECT_EQ(get(), ENOENT);
    EXPECT_EQ(get(kvm::Memslots::kMaxSlots), EINVAL);
    EXPECT_EQ(get(1 << 16), EINVAL);
    EXPECT_EQ(clear(0, 64, 0xffff), EINVAL);
    EXPECT_EQ(clear(1, 64, 5), EINVAL) << "alignment before existence";
}

TEST_F(DirtyLogTest, StartingProtectsAndSplitsAfterTheBitmapIsThere) {
    ASSERT_EQ(split_chunk(u64{2} << 20), 0);
    ASSERT_EQ(set(0, kGfn, kPages), 0);
    bool logged = false;
    stage2.meanwhile = [&] { logged = slots.find(kGfn)->logs_dirty(); };
    ASSERT_EQ(set(0, kGfn, kPages, kHva, kLog), 0);
    EXPECT_TRUE(logged);
    EXPECT_EQ(take_calls(), (std::vector<StageTwoCall>{{'w', kGfn, kGfn + kPages}, {'s', kGfn, kGfn + kPages}}));
    EXPECT_EQ(stage2.split_chunk, u64{2} << 20);
    ASSERT_EQ(set(0, kGfn, kPages, kHva, 0), 0);
    EXPECT_TRUE(stage2.calls.empty());
    EXPECT_EQ(get(), ENOENT);
}

TEST_F(DirtyLogTest, GetTakesAndProtects) {
    ASSERT_EQ(set(0, kGfn, kPages, kHva, kLog), 0);
    take_calls();
    for (u64 page : {0, 63, 64, 999})
        mark(page);
    ASSERT_EQ(get(), 0);
    for (u64 page = 0; page < kWords * 64; page++)
        EXPECT_EQ(bit(page), page == 0 || page == 63 || page == 64 || page == 999) << page;
    EXPECT_EQ(buffer[kWords], ~u64{0}) << "only the slot's words are written";
    // 64 and 999 lie more than a bridge apart, 63 and 64 do not.
    EXPECT_EQ(take_calls(), (std::vector<StageTwoCall>{{'w', kGfn, kGfn + 65}, {'w', kGfn + 999, kGfn + 1000}}));
    ASSERT_EQ(get(), 0);
    for (u64 i = 0; i < kWords; i++)
        EXPECT_EQ(buffer[i], 0u);
    EXPECT_TRUE(stage2.calls.empty());
}

TEST_F(DirtyLogTest, AWriteDuringGetIsInThisLogOrTheNext) {
    ASSERT_EQ(set(0, kGfn, kPages, kHva, kLog), 0);
    mark(7);
    stage2.meanwhile = [&] { mark_meanwhile(7); };  // through a TLB entry that is still there
    ASSERT_EQ(get(), 0);
    EXPECT_TRUE(bit(7));
    stage2.meanwhile = nullptr;
    ASSERT_EQ(get(), 0);
    EXPECT_TRUE(bit(7));
}

TEST_F(DirtyLogTest, GetReportsABadBuffer) {
    ASSERT_EQ(set(0, kGfn, kPages, kHva, kLog), 0);
    EXPECT_EQ(get(0, 0), EFAULT);
    ASSERT_EQ(enable(1), 0);
    EXPECT_EQ(get(0, 0), EFAULT);
}

TEST_F(DirtyLogTest, WhatABadBufferDidNotGetIsInTheNextLog) {
    ASSERT_EQ(set(0, kGfn, kPages, kHva, kLog), 0);
    mark(5);
    stage2.meanwhile = [&] { mark_meanwhile(900); };  // while the log is being taken
    EXPECT_EQ(get(0, 0), EFAULT);
    stage2.meanwhile = nullptr;
    ASSERT_EQ(get(), 0);
    for (u64 page = 0; page < kPages; page++)
        EXPECT_EQ(bit(page), page == 5 || page == 900) << page;
}

TEST_F(DirtyLogTest, ManualProtectionLeavesClearingToTheVmm) {
    ASSERT_EQ(enable(KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE), 0);
    ASSERT_EQ(set(0, kGfn, kPages, kHva, kLog), 0);
    take_calls();
    for (u64 page : {1, 130, 999})
        mark(page);
    for (int i = 0; i < 2; i++) {
        ASSERT_EQ(get(), 0);
        EXPECT_TRUE(bit(1) && bit(130) && bit(999));
    }
    EXPECT_TRUE(stage2.calls.empty());
    // Bits beyond the slot and of clean pages are ignored.
    buffer.assign(kWords + 1, ~u64{0});
    ASSERT_EQ(clear(128, kPages - 128), 0);
    EXPECT_EQ(take_calls(), (std::vector<StageTwoCall>{{'w', kGfn + 130, kGfn + 131}, {'w', kGfn + 999, kGfn + 1000}}));
    ASSERT_EQ(get(), 0);
    EXPECT_TRUE(bit(1));
    EXPECT_FALSE(bit(130) || bit(999));
}

TEST_F(DirtyLogTest, ClearChecksItsRange) {
    ASSERT_EQ(set(0, kGfn, kPages, kHva, kLog), 0);
    buffer.assign(kWords + 1, 0);
    struct Case {
        u64 first;
        u32 pages;
        int error;
    };
    const Case cases[] = {
        {0, 64, 0},       {0, 1000, 0},      {960, 40, 0},     {0, 0, 0},
        {0, 63, EINVAL},  {0, 999, EINVAL},  {960, 39, EINVAL}, {960, 41, EINVAL},
        {63, 64, EINVAL}, {0, 1001, EINVAL}, {1024, 0, EINVAL}, {u64{1} << 63, 64, EINVAL},
    };
    for (const Case& c : cases)
        EXPECT_EQ(clear(c.first, c.pages), c.error) << c.first << "+" << c.pages;
    ClearDirtyLog bad{0, 64, 0, 0};
    EXPECT_EQ(to_abi(slots.clear_dirty_log(bad)), -EFAULT);
}

TEST_F(DirtyLogTest, InitiallySetStartsWithEverythingDirtyAndProtectsLazily) {
    ASSERT_EQ(split_chunk(0x1000), 0);
    ASSERT_EQ(enable(KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE | KVM_DIRTY_LOG_INITIALLY_SET), 0);
    ASSERT_EQ(set(0, kGfn, kPages), 0);
    ASSERT_EQ(set(0, kGfn, kPages, kHva, kLog), 0);
    EXPECT_TRUE(stage2.calls.empty());
    ASSERT_EQ(get(), 0);
    for (u64 page = 0; page < kWords * 64; page++)
        EXPECT_EQ(bit(page), page < kPages) << page;
    ASSERT_EQ(clear(64, 64), 0);
    EXPECT_EQ(take_calls(), (std::vector<StageTwoCall>{{'w', kGfn + 64, kGfn + 128}, {'s', kGfn + 64, kGfn + 128}}));
}

TEST_F(DirtyLogTest, WithoutAChunkBlocksAreSplitWhenTheyAreWritten) {
    ASSERT_EQ(set(0, kGfn, kPages), 0);
    ASSERT_EQ(set(0, kGfn, kPages, kHva, kLog), 0);
    EXPECT_EQ(take_calls(), (std::vector<StageTwoCall>{{'w', kGfn, kGfn + kPages}}));
    ASSERT_EQ(enable(KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE | KVM_DIRTY_LOG_INITIALLY_SET), 0);
    mark(70);
    ASSERT_EQ(clear(64, 64), 0);
    EXPECT_EQ(take_calls(), (std::vector<StageTwoCall>{{'w', kGfn + 70, kGfn + 71}}));
}

TEST_F(DirtyLogTest, AChunkIsABlockSizeAndComesBeforeTheSlots) {
    for (unsigned bit = 0; bit < 64; bit++)
        EXPECT_EQ(split_chunk(u64{1} << bit), bit == 12 || bit == 21 || bit == 30 ? 0 : EINVAL) << bit;
    EXPECT_EQ(slots.split_chunk(), u64{1} << 30);
    EXPECT_EQ(split_chunk(0x20'1000), EINVAL) << "two of them";
    EXPECT_EQ(split_chunk(0), 0) << "off again";
    ASSERT_EQ(split_chunk(0x1000), 0);
    ASSERT_EQ(set(0, kGfn, kPages), 0);
    EXPECT_EQ(split_chunk(0), EINVAL);
    EXPECT_EQ(split_chunk(u64{2} << 20), EINVAL);
    EXPECT_EQ(slots.split_chunk(), 0x1000u);
    ASSERT_EQ(set(0, 0, 0), 0);
    EXPECT_EQ(split_chunk(u64{2} << 20), 0) << "no slot is left";
}

TEST_F(DirtyLogTest, EnableChecksItsOptions) {
    EXPECT_EQ(enable(0), 0);
    EXPECT_EQ(enable(1), 0);
    EXPECT_EQ(enable(3), 0);
    EXPECT_EQ(enable(2), EINVAL);
    EXPECT_EQ(enable(4), EINVAL);
    EXPECT_EQ(enable(5), EINVAL);
    EXPECT_EQ(enable(1, 1), EINVAL);
}

TEST_F(DirtyLogTest, TheLogSurvivesAMove) {
    ASSERT_EQ(set(0, kGfn, kPages, kHva, kLog), 0);
    mark(5);
    ASSERT_EQ(set(0, kGfn * 2, kPages, kHva, kLog), 0);
    ASSERT_EQ(get(), 0);
    EXPECT_TRUE(bit(5));
}

}  // namespace
}  // namespace nest::test
