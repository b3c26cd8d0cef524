// SPDX-License-Identifier: GPL-2.0-only
// Memory slots and their dirty logs on hosts with pages of 4, 16 and 64 KiB.
#include <tests/unit/kvm/memory/slots_fixture.hpp>

namespace nest::test {
namespace {

using namespace kvm::abi;

class HostPages : public SlotsTest, public ::testing::WithParamInterface<unsigned> {
protected:
    HostPages() { port().page_shift = GetParam(); }
    ~HostPages() override { port().page_shift = 12; }
    u64 page() const { return u64{1} << GetParam(); }
    u64 frames() const { return page() / kPage; }  // in a page
    // A slot of so many pages that logs.
    void make_log(u64 pages) {
        abi_region r = region(0, frames(), pages * frames(), kHva, KVM_MEM_LOG_DIRTY_PAGES);
        ASSERT_EQ(set(r), 0);
        stage2.calls.clear();
        buffer.assign((pages + 63) / 64 + 1, kGuard);
    }
    void mark(u64 gfn) { find(gfn)->mark_dirty(gfn, nullptr); }
    static constexpr u64 kGuard = 0x5a5a'5a5a'5a5a'5a5a;
    std::vector<u64> buffer;
};

TEST_P(HostPages, SlotsAreMadeOfThem) {
    const auto made = [&](u64 gpa, u64 size, u64 hva) {
        abi_region r{};
        r.guest_phys_addr = gpa;
        r.memory_size = size;
        r.userspace_addr = hva;
        return set(r);
    };
    const u64 p = page();
    EXPECT_EQ(made(p / 2, p, kHva), EINVAL);
    EXPECT_EQ(made(p, p / 2, kHva), EINVAL);
    EXPECT_EQ(made(p, p + p / 2, kHva), EINVAL);
    EXPECT_EQ(made(p, p, kHva + p / 2), EINVAL);
    EXPECT_EQ(made(p, p << 31, 0), EINVAL) << "one page too many";
    EXPECT_EQ(made(p, p, kHva), 0);
    EXPECT_EQ(find(frames() - 1), nullptr);
    for (u64 i = 0; i < frames(); i++)
        EXPECT_EQ(find(frames() + i)->hva_of(frames() + i).raw, kHva + i * kPage);
    EXPECT_EQ(find(2 * frames()), nullptr);
}

TEST_P(HostPages, TheLogHasABitForEach) {
    constexpr u64 kPages = 130;
    make_log(kPages);
    mark(frames() + 64 * frames());                // the first frame of page 64
    mark(frames() + kPages * frames() - 1);        // the last one of all
    mark(frames() + frames() / 2);                 // amid page 0
    ASSERT_EQ(to_abi(slots.get_dirty_log({0, 0, reinterpret_cast<u64>(buffer.data())})), 0);
    EXPECT_EQ(buffer[0], 1u);
    EXPECT_EQ(buffer[1], 1u);
    EXPECT_EQ(buffer[2], 2u);
    EXPECT_EQ(buffer[3], kGuard) << "no more is written than pages";
    EXPECT_EQ(stage2.calls, (std::vector<StageTwoCall>{{'w', frames(), frames() + kPages * frames()}}))
        << "every frame of a page";
}

TEST_P(HostPages, ClearingNamesThem) {
    ASSERT_TRUE(slots.enable_manual_dirty_log(EnableCap{0, 0, {KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE}, {}}).ok());
    constexpr u64 kPages = 100;
    make_log(kPages);
    const auto clear = [&](u64 first, u32 pages) {
        return -to_abi(slots.clear_dirty_log({0, pages, first, reinterpret_cast<u64>(buffer.data())}));
    };
    mark(frames() + 65 * frames());
    mark(frames() + 3 * frames());
    buffer.assign(buffer.size(), ~u64{0});
    EXPECT_EQ(clear(64, kPages - 64 + 1), EINVAL) << "more than the slot has";
    EXPECT_EQ(clear(64, kPages - 64 - 1), EINVAL) << "ends inside a word and before the slot's end";
    EXPECT_EQ(clear(64, kPages - 64), 0);
    EXPECT_EQ(stage2.calls, (std::vector<StageTwoCall>{{'w', 66 * frames(), 67 * frames()}}));
    ASSERT_EQ(to_abi(slots.get_dirty_log({0, 0, reinterpret_cast<u64>(buffer.data())})), 0);
    EXPECT_EQ(buffer[0], u64{1} << 3);
    EXPECT_EQ(buffer[1], 0u);
}

TEST_P(HostPages, ALogThatBeginsDirtyIsAsLong) {
    ASSERT_TRUE(slots.enable_manual_dirty_log(EnableCap{0, 0, {3}, {}}).ok());
    make_log(70);
    ASSERT_EQ(to_abi(slots.get_dirty_log({0, 0, reinterpret_cast<u64>(buffer.data())})), 0);
    EXPECT_EQ(buffer[0], ~u64{0});
    EXPECT_EQ(buffer[1], 0x3fu);
    EXPECT_EQ(buffer[2], kGuard);
}

INSTANTIATE_TEST_SUITE_P(Shifts, HostPages, ::testing::Values(12u, 14u, 16u));

}  // namespace
}  // namespace nest::test
