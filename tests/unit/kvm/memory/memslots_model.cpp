// SPDX-License-Identifier: GPL-2.0-only
// Random changes and lookups against slots kept in a plain map and searched by brute force.
#include <map>
#include <random>
#include <set>
#include <tests/unit/kvm/memory/slots_fixture.hpp>

namespace nest::test {
namespace {

using namespace kvm::abi;

struct Model {
    std::map<u32, abi_region> slots;

    const abi_region* at(u64 gfn) const {
        for (const auto& [id, r] : slots)
            if (gfn >= r.guest_phys_addr >> 12 && gfn < (r.guest_phys_addr + r.memory_size) >> 12)
                return &r;
        return nullptr;
    }
    int set(const abi_region& r) {
        auto old = slots.find(r.slot);
        if (r.memory_size == 0) {
            if (old == slots.end())
                return EINVAL;
            slots.erase(old);
            return 0;
        }
        if (old != slots.end() && (r.memory_size != old->second.memory_size ||
                                   r.userspace_addr != old->second.userspace_addr ||
                                   (r.flags ^ old->second.flags) & KVM_MEM_READONLY))
            return EINVAL;
        for (const auto& [id, other] : slots)
            if (id != r.slot && r.guest_phys_addr < other.guest_phys_addr + other.memory_size &&
                other.guest_phys_addr < r.guest_phys_addr + r.memory_size)
                return EEXIST;
        slots[r.slot] = r;
        return 0;
    }
    // (slot, gfn) of each page that [start, end) touches.
    std::set<std::pair<u32, u64>> backed(u64 start, u64 end) const {
        std::set<std::pair<u32, u64>> result;
        for (const auto& [id, r] : slots)
            for (u64 page = 0; page < r.memory_size >> 12; page++)
                if (r.userspace_addr + page * 4096 < end && start < r.userspace_addr + (page + 1) * 4096)
                    result.insert({id, (r.guest_phys_addr >> 12) + page});
        return result;
    }
};

using MemslotsModel = SlotsTest;

TEST_F(MemslotsModel, AgreesWithBruteForce) {
    std::mt19937_64 random(20240611);
    auto below = [&](u64 n) { return random() % n; };
    Model model;
    kvm::MemslotHint hint;
    unsigned succeeded = 0, existed = 0, invalid = 0;
    for (int step = 0; step < 6000; step++) {
        u32 id = static_cast<u32>(below(24));
        abi_region r = region(id, below(200), below(5) ? 1 + below(12) : 0, kHva + below(60) * kPage,
                              below(2) ? KVM_MEM_LOG_DIRTY_PAGES : 0);
        auto old = model.slots.find(id);
        if (old != model.slots.end() && r.memory_size && below(4)) {  // else most changes are refused
            r.memory_size = old->second.memory_size;
            r.userspace_addr = old->second.userspace_addr;
        }
        int expected = model.set(r);
        ASSERT_EQ(set(r), expected) << step;
        succeeded += expected == 0;
        existed += expected == EEXIST;
        invalid += expected == EINVAL;
        ASSERT_EQ(slots.count(), model.slots.size());

        u64 gfn = below(220);
        const abi_region* want = model.at(gfn);
        const kvm::Memslot* got = find(gfn);
        ASSERT_EQ(got != nullptr, want != nullptr) << gfn;
        ASSERT_EQ(find(gfn, hint), got);
        if (got) {
            ASSERT_EQ(got->id, want->slot);
            ASSERT_EQ(got->hva_of(gfn).raw, want->userspace_addr + (gfn * kPage - want->guest_phys_addr));
            ASSERT_EQ(got->logs_dirty(), static_cast<bool>(got->dirty));
            ASSERT_EQ(got->flags, want->flags);
        }

        u64 start = kHva + below(75 * kPage), end = start + 1 + below(10 * kPage);
        std::set<std::pair<u32, u64>> pages;
        ReadGuard guard(lock);
        slots.for_each_hva_range(arch::Hva(start), arch::Hva(end), [&](const kvm::Memslot& slot, u64 first, u64 last) {
            for (u64 g = first; g < last; g++)
                ASSERT_TRUE(pages.insert({slot.id, g}).second);
        });
        ASSERT_EQ(pages, model.backed(start, end)) << step;
    }
    EXPECT_GT(succeeded, 500u);
    EXPECT_GT(existed, 500u);
    EXPECT_GT(invalid, 100u);
}

}  // namespace
}  // namespace nest::test
