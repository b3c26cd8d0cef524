// SPDX-License-Identifier: GPL-2.0-only
// The dirty ring: what the VMM finds there, what is taken back, and what that protects.
#include <tests/unit/kvm/memory/slots_fixture.hpp>

namespace nest::test {
namespace {

using namespace kvm::abi;
using kvm::DirtyRing;

constexpr u32 kEntries = 256, kLog = KVM_MEM_LOG_DIRTY_PAGES;

struct Ring {
    static constexpr u64 kRequest = 4;
    Atomic<u64> requests;
    DirtyRing ring;
    Ring() {
        port().reset();
        EXPECT_TRUE(ring.init(kEntries, requests, kRequest).ok());
    }
    DirtyGfn& entry(u32 n) { return static_cast<DirtyGfn*>(ring.page(0))[n % kEntries]; }
    // The VMM's part; false: there is nothing.
    bool collect(u32 n) {
        if (entry(n).flags != KVM_DIRTY_GFN_F_DIRTY)
            return false;
        entry(n).flags = KVM_DIRTY_GFN_F_RESET;
        return true;
    }
    std::vector<std::pair<u32, u64>> take_back() {
        std::vector<std::pair<u32, u64>> seen;
        const u32 taken = ring.take_back(kEntries, [&](u32 slot, u64 offset) { seen.push_back({slot, offset}); });
        EXPECT_EQ(taken, seen.size());
        return seen;
    }
};

TEST(DirtyRing, EntriesGoRound) {
    Ring r;
    for (u32 n = 0; n < 3 * kEntries; n++) {
        ASSERT_FALSE(r.collect(n));
        ASSERT_TRUE(r.ring.push(n % 5, n));
        EXPECT_EQ(r.entry(n).slot, n % 5);
        EXPECT_EQ(r.entry(n).offset, n);
        EXPECT_TRUE(r.take_back().empty()) << "not collected";
        ASSERT_TRUE(r.collect(n));
        EXPECT_EQ(r.take_back(), (std::vector<std::pair<u32, u64>>{{n % 5, n}}));
        EXPECT_EQ(r.entry(n).flags, 0u);
    }
}

TEST(DirtyRing, IsTakenBackInOrderAndOnlyAsFarAsCollected) {
    Ring r;
    for (u64 n = 0; n < 4; n++)
        ASSERT_TRUE(r.ring.push(0, n));
    r.collect(0);
    r.collect(2);
    EXPECT_EQ(r.take_back().size(), 1u);
    r.collect(1);
    EXPECT_EQ(r.take_back(), (std::vector<std::pair<u32, u64>>{{0, 1}, {0, 2}}));
}

TEST(DirtyRing, SaysWhenItIsNearlyFullAndWhenItIsFull) {
    Ring r;
    for (u32 n = 0; n < kEntries; n++) {
        EXPECT_EQ(r.ring.is_nearly_full(), n >= kEntries - KVM_DIRTY_RING_RESERVED) << n;
        EXPECT_EQ(r.requests.load_relaxed(), n >= kEntries - KVM_DIRTY_RING_RESERVED ? r.kRequest : 0) << n;
        ASSERT_TRUE(r.ring.push(0, n));
    }
    EXPECT_FALSE(r.ring.push(0, 999));
    EXPECT_EQ(r.entry(0).offset, 0u) << "nothing is overwritten";
    r.collect(0);
    r.take_back();
    EXPECT_TRUE(r.ring.push(0, 999));
    EXPECT_EQ(r.entry(0).offset, 999u);
}

// Stolen time and the GIC's tables are written again and again.
TEST(DirtyRing, NamesThePageOfTheNewestEntryOnceUntilThatIsTakenBack) {
    Ring r;
    ASSERT_TRUE(r.ring.push(0, 0));
    ASSERT_TRUE(r.ring.push(0, 0));
    EXPECT_EQ(r.entry(1).flags, 0u);
    ASSERT_TRUE(r.ring.push(1, 0)) << "another slot";
    ASSERT_TRUE(r.ring.push(0, 0)) << "not the newest";
    EXPECT_EQ(r.entry(2).flags, KVM_DIRTY_GFN_F_DIRTY);
    for (u32 n = 0; n < 3; n++)
        r.collect(n);
    ASSERT_TRUE(r.ring.push(0, 0)) << "collected, not taken back";
    EXPECT_EQ(r.entry(3).flags, 0u);
    EXPECT_EQ(r.take_back().size(), 3u);
    ASSERT_TRUE(r.ring.push(0, 0));
    EXPECT_EQ(r.entry(3).flags, KVM_DIRTY_GFN_F_DIRTY);
}

// A VMM that calls everything collected, again and again, gets an end.
TEST(DirtyRing, AVmmThatLiesIsTakenBackOnceAround) {
    Ring r;
    for (u32 n = 0; n < kEntries; n++)
        r.entry(n) = {~0u, ~0u, ~u64{0}};
    u32 visits = 0;
    EXPECT_EQ(r.ring.take_back(kEntries, [&](u32 slot, u64 offset) {
        EXPECT_EQ(slot, ~0u);
        EXPECT_EQ(offset, ~u64{0});
        r.entry(visits++).flags = ~0u;
    }), kEntries);
}

TEST(DirtyRing, HasItsPagesAndNoOthers) {
    Ring r;
    EXPECT_NE(r.ring.page(0), nullptr);
    EXPECT_EQ(r.ring.page(1), nullptr);
    EXPECT_EQ(r.ring.page(~0ul), nullptr);
    EXPECT_FALSE(DirtyRing());
}

struct DirtyRingOfSlots : SlotsTest {
    static constexpr u64 kGfn = 0x1000, kPages = 1000;
    Atomic<u64> requests;
    DirtyRing ring;

    int set_bytes(u64 bytes) { return static_cast<int>(-to_abi(slots.set_ring_bytes(bytes))); }
    int keep_bitmaps() { return static_cast<int>(-to_abi(slots.keep_bitmaps_beside_rings())); }
    int get_log() {
        std::vector<u64> bits(kPages / 64 + 1);
        const int error = static_cast<int>(-to_abi(slots.get_dirty_log(DirtyLog{0, 0, reinterpret_cast<u64>(bits.data())})));
        first_word = bits[0];
        return error;
    }
    void use_rings(bool bitmaps) {
        ASSERT_EQ(set_bytes(kEntries * sizeof(DirtyGfn)), 0);
        if (bitmaps) {
            ASSERT_EQ(keep_bitmaps(), 0);
        }
        ASSERT_TRUE(ring.init(slots.ring_entries(), requests, 1).ok());
        ASSERT_EQ(set(0, kGfn, kPages, kHva, kLog), 0);
        stage2.calls.clear();
    }
    void mark(u64 page, DirtyRing* by) { find(kGfn + page)->mark_dirty(kGfn + page, by); }
    DirtyGfn* entries() { return static_cast<DirtyGfn*>(ring.page(0)); }
    void collect_all() {
        for (u32 n = 0; n < kEntries; n++)
            if (entries()[n].flags == KVM_DIRTY_GFN_F_DIRTY)
                entries()[n].flags = KVM_DIRTY_GFN_F_RESET;
    }
    u64 first_word = 0;
};

TEST_F(DirtyRingOfSlots, SizesAreChecked) {
    EXPECT_EQ(set_bytes(0), EINVAL);
    EXPECT_EQ(set_bytes(kPage + 16), EINVAL) << "no power of two";
    EXPECT_EQ(set_bytes(kPage / 2), EINVAL) << "less than a page";
    EXPECT_EQ(set_bytes(2 * kvm::Memslots::kMaxRingBytes), E2BIG);
    EXPECT_EQ(keep_bitmaps(), EINVAL) << "there are no rings";
    EXPECT_EQ(set_bytes(kvm::Memslots::kMaxRingBytes), 0);
    EXPECT_EQ(slots.ring_entries(), KVM_DIRTY_RING_MAX_ENTRIES);
    EXPECT_EQ(set_bytes(kPage), EINVAL) << "once";
    ASSERT_EQ(set(0, kGfn, kPages), 0);
    EXPECT_EQ(keep_bitmaps(), EINVAL) << "a slot has no bitmap already";
}

TEST_F(DirtyRingOfSlots, RingsAloneHaveNoBitmap) {
    use_rings(false);
    EXPECT_EQ(get_log(), ENXIO);
    EXPECT_EQ(-to_abi(slots.clear_dirty_log(ClearDirtyLog{0, 64, 0, 0})), ENXIO);
    mark(5, &ring);
    EXPECT_EQ(entries()[0].flags, KVM_DIRTY_GFN_F_DIRTY);
    EXPECT_EQ(entries()[0].offset, 5u);
    mark(6, nullptr);  // nobody's: lost, as documented
    EXPECT_EQ(entries()[1].flags, 0u);
}

TEST_F(DirtyRingOfSlots, ABitmapBesideHasWhatIsNoVcpus) {
    use_rings(true);
    mark(5, &ring);
    mark(6, nullptr);
    EXPECT_EQ(get_log(), 0);
    EXPECT_EQ(first_word, 1u << 6);
    EXPECT_EQ(entries()[0].offset, 5u);
}

TEST_F(DirtyRingOfSlots, AFullRingLeavesThePageToTheBitmap) {
    use_rings(true);
    for (u32 n = 0; n < kEntries; n++)
        mark(n + 64, &ring);
    mark(3, &ring);
    EXPECT_EQ(get_log(), 0);
    EXPECT_EQ(first_word, 1u << 3);
}

TEST_F(DirtyRingOfSlots, ASlotWithoutALogIsNotNamed) {
    ASSERT_EQ(set_bytes(kPage), 0);
    ASSERT_TRUE(ring.init(slots.ring_entries(), requests, 1).ok());
    ASSERT_EQ(set(0, kGfn, kPages), 0);
    mark(5, &ring);
    EXPECT_EQ(entries()[0].flags, 0u);
}

TEST_F(DirtyRingOfSlots, ResetProtectsNeighboursTogether) {
    use_rings(false);
    for (const u64 page : {10, 12, 11, 70, 500, 501})
        mark(page, &ring);
    EXPECT_EQ(slots.reset_ring(ring), 0u) << "nothing is collected";
    EXPECT_TRUE(stage2.calls.empty());
    collect_all();
    EXPECT_EQ(slots.reset_ring(ring), 6u);
    EXPECT_EQ(stage2.calls, (std::vector<StageTwoCall>{{'w', kGfn + 10, kGfn + 71}, {'w', kGfn + 500, kGfn + 502}}));
}

// The VMM may write into its mapping what it likes.
TEST_F(DirtyRingOfSlots, ResetBelievesNothing) {
    use_rings(false);
    ASSERT_EQ(set(1, 0x8000, 8), 0);
    mark(10, &ring);
    mark(11, &ring);
    mark(12, &ring);
    mark(13, &ring);
    entries()[0].offset = kPages;           // behind the slot
    entries()[1].slot = 77;                 // no slot
    entries()[2].slot = 1;                  // one without a log
    entries()[3].slot = 1 << 16;            // another address space
    collect_all();
    EXPECT_EQ(slots.reset_ring(ring), 4u);
    EXPECT_TRUE(stage2.calls.empty());
}

// Without a bitmap nothing else than the start of logging would ever protect what is mapped already.
TEST_F(DirtyRingOfSlots, AloneTheyDoNotStartAsAllWritten) {
    ASSERT_EQ(set_bytes(kEntries * sizeof(DirtyGfn)), 0);
    constexpr u64 kOptions = KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE | KVM_DIRTY_LOG_INITIALLY_SET;
    ASSERT_TRUE(slots.enable_manual_dirty_log(EnableCap{0, 0, {kOptions}, {}}).ok());
    ASSERT_EQ(set(0, kGfn, kPages), 0);
    stage2.calls.clear();
    ASSERT_EQ(set(0, kGfn, kPages, kHva, kLog), 0);
    EXPECT_EQ(stage2.calls, (std::vector<StageTwoCall>{{'w', kGfn, kGfn + kPages}}));
}

}  // namespace
}  // namespace nest::test
