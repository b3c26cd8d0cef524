// SPDX-License-Identifier: GPL-2.0-only
// Memory slots over a stage 2 that only writes down what it was asked.
#pragma once
#include <cerrno>
#include <functional>
#include <gtest/gtest.h>
#include <kvm/memory/memslots.hpp>
#include <string>
#include <tests/fake/port.hpp>
#include <vector>

namespace nest::test {

using abi_region = kvm::abi::UserMemoryRegion2;

struct StageTwoCall {
    char what;  // u, w, s
    u64 start, end;
    bool operator==(const StageTwoCall&) const = default;
};
inline void PrintTo(const StageTwoCall& c, std::ostream* out) {
    *out << c.what << "[" << c.start << "," << c.end << ")";
}

class FakeStageTwo final : public kvm::StageTwoUser {
public:
    explicit FakeStageTwo(SpinLock& mmu_lock) : mmu_lock_(mmu_lock) {}
    void slots_changed() override {
        EXPECT_FALSE(mmu_lock_.try_lock_in_tier0()) << "the mmu lock must be held where the index changes";
        changes++;
    }
    void unmap_gfns(u64 start, u64 end) override { note('u', start, end); }
    void write_protect_gfns(u64 start, u64 end) override { note('w', start, end); }
    void split_gfns(u64 start, u64 end, u64 chunk) override {
        split_chunk = chunk;
        note('s', start, end);
    }
    std::vector<StageTwoCall> calls;
    unsigned changes = 0;
    u64 split_chunk = 0;  // of the last 's'
    // Runs inside each call, under the mmu lock: what a notifier would do at that moment.
    std::function<void()> meanwhile;

private:
    void note(char what, u64 start, u64 end) {
        might_sleep("a stage-2 change");
        Guard guard(mmu_lock_);  // the contract: it is free
        calls.push_back({what, start, end});
        if (meanwhile)
            meanwhile();
    }
    SpinLock& mmu_lock_;
};

class SlotsTest : public ::testing::Test {
protected:
    static constexpr u64 kPage = arch::kPageSize;
    static constexpr u64 kHva = 0x7000'0000'0000;

    SlotsTest() { port().reset(); }
    ~SlotsTest() override = default;

    static abi_region region(u32 slot, u64 gfn, u64 pages, u64 hva = kHva, u32 flags = 0) {
        abi_region r{};
        r.slot = slot;
        r.flags = flags;
        r.guest_phys_addr = gfn * kPage;
        r.memory_size = pages * kPage;
        r.userspace_addr = hva;
        return r;
    }
    int set(const abi_region& r) { return static_cast<int>(-to_abi(slots.set_region(r))); }
    int set(u32 slot, u64 gfn, u64 pages, u64 hva = kHva, u32 flags = 0) {
        return set(region(slot, gfn, pages, hva, flags));
    }

    template <typename... Hint>
    const kvm::Memslot* find(u64 gfn, Hint&... hint) {
        ReadGuard guard(lock);
        return slots.find(gfn, hint...);
    }

    RwSemaphore lock{NEST_LOCK_SLOTS};
    SpinLock mmu_lock{NEST_LOCK_MMU};
    FakeStageTwo stage2{mmu_lock};
    kvm::Memslots slots{lock, mmu_lock, stage2, 40};
};

}  // namespace nest::test
