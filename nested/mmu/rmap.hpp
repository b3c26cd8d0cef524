// SPDX-License-Identifier: GPL-2.0-only
// The reverse map of a VM: from a canonical guest frame to the shadow leaves that translate to it.
//
// One node per shadow leaf, in two hash tables: by the leaf's place in its shadow, so that a leaf that goes finds its node;
// and by the canonical frames that the leaf covers, pages in groups of 64, blocks one by one. The second table holds groups,
// each with its leaves, so that an MMU notifier pays for the leaves of the groups that it names, not for the size of the
// guest, the number of its shadows, or what else a bucket holds. Nodes and buckets come from pages that the caller hands
// in; these stay here until the VM ends, and their number has an upper limit.
//
// L1 decides how often it maps a frame of its own. So a group holds no more than kMostOfGroup leaves: whoever inserts one
// more drops the oldest, as a TLB would, and whoever wants to know what it costs to visit some frames asks count_of().
//
// Locking: the VM's mmu lock for everything but init() and destroy().
#pragma once
#include <nested/mmu/growing_buckets.hpp>
#include <nested/mmu/rmap_pages.hpp>
#include <stage2/geometry.hpp>

namespace nest::nested {

class Rmap {
public:
    static constexpr size_t kDefaultPages = 20480;  // 80 MiB: 1.6 million pages in groups, or half as many blocks
    static constexpr size_t kMostOfGroup = 4096;    // 64 shadows that have all 64 pages in common

    // One shadow leaf.
    struct Leaf {
        u16 shadow;      // its number in the pool
        u8 level;        // 1 to 3
        arch::L2Ipa at;  // its first byte there
        u64 gfn;         // the canonical frame of that byte
        u64 frames() const { return stage2::span_of_level(level) >> arch::kPageShift; }
    };

    Rmap() = default;
    Rmap(const Rmap&) = delete;
    Rmap& operator=(const Rmap&) = delete;

    // -ENOMEM. Sleeps. Takes some KiB; the rest only comes with add_page().
    Status init(size_t max_pages = kDefaultPages);
    void destroy();

    // insert() will not fail for want of a node.
    bool has_node() const { return memory_.has_two(); }  // one for the leaf, one for its group
    // May it grow? Then a page for add_page() is welcome. Afterwards it has_node().
    bool may_grow() const { return memory_.may_grow(); }
    void add_page(void* page) { memory_.add(page); }

    // False: no node left, and nothing was changed.
    [[nodiscard]] bool insert(const Leaf& leaf);
    // Has the latest insert() made a group larger than it may be? Then oldest() has to go before the next one.
    bool crowded() const { return crowded_; }
    Leaf oldest() const { return leaf_of(*crowded_->last); }
    // False: the shadow has no leaf of this level at `at`.
    bool remove(u16 shadow, arch::L2Ipa at, unsigned level);
    // The frame that the shadow's leaf at exactly this address was entered with, or kNoFrame.
    static constexpr u64 kNoFrame = ~u64{0};
    u64 find(u16 shadow, arch::L2Ipa at, unsigned level) const;

    // fn(const Leaf&) for each leaf that uses a frame of [start, end); fn may remove that very leaf, no other, and
    // insert none.
    template <typename Fn>
    void for_each(u64 start, u64 end, Fn&& fn) {
        if (start >= end)
            return;
        for (unsigned level = 1; level <= stage2::kLastLevel && count(); level++) {
            const u64 first = start >> kGroupBits[level], last = (end - 1) >> kGroupBits[level];
            if (last - first >= groups_.size()) {
                visit_level(level, start, end, fn);
                continue;
            }
            for (u64 group = first; group <= last && count(); group++)
                if (RmapGroup* g = *groups_.find(group << kLevelBits | level))
                    visit(*g, start, end, fn);
        }
    }
    // How many leaves for_each() looks at, for frames that lie together; at most kMostOfGroup for each group.
    size_t count_of(u64 start, u64 end) const;
    size_t count() const { return places_.count(); }
    size_t pages() const { return memory_.count(); }

private:
    // Keys: a group is its number and level; a place its frame, of at most 48 bits of address, shadow and level.
    static constexpr unsigned kLevelBits = 2, kShadowBits = 16;
    static constexpr u64 kLevelMask = (1 << kLevelBits) - 1;
    static_assert(stage2::kMaxIpaBits - arch::kPageShift + kShadowBits + kLevelBits <= 58);
    static constexpr u8 kGroupBits[] = {0, 18, 9, 6};  // log2 of the frames of a group, by level: one block, or 64 pages

    static u64 place_key(u16 shadow, arch::L2Ipa at, unsigned level) {
        return (at.frame() << kShadowBits | shadow) << kLevelBits | level;
    }
    static u64 group_key(u64 gfn, unsigned level) { return gfn >> kGroupBits[level] << kLevelBits | level; }
    static u64 gfn_of(const RmapNode& n) {
        const u64 group = n.group->key;
        return (group >> kLevelBits << kGroupBits[group & kLevelMask]) + n.frame;
    }
    static Leaf leaf_of(const RmapNode& n) {
        const u64 place = n.key >> kLevelBits;
        return {static_cast<u16>(place), static_cast<u8>(n.key & kLevelMask),
                arch::L2Ipa(place >> kShadowBits << arch::kPageShift), gfn_of(n)};
    }
    template <typename Fn>
    static void visit(const RmapGroup& group, u64 start, u64 end, Fn& fn) {
        for (const RmapNode *n = group.first, *next; n; n = next) {
            next = n->next;
            const Leaf leaf = leaf_of(*n);
            if (leaf.gfn < end && start < leaf.gfn + leaf.frames())
                fn(leaf);
        }
    }
    // All groups of the level, bucket by bucket: for a range that names more groups than there are buckets.
    template <typename Fn>
    void visit_level(unsigned level, u64 start, u64 end, Fn& fn) {
        for (size_t b = 0; b < groups_.size(); b++)
            for (RmapGroup *group = groups_.head(b), *next; group; group = next) {
                next = group->next_in_bucket;  // with its last leaf the group goes
                if ((group->key & kLevelMask) == level)
                    visit(*group, start, end, fn);
            }
    }

    using Places = GrowingBuckets<RmapNode, RmapPages, &RmapPages::place, &RmapPages::places, RmapPages::kPlacesPerPage>;
    using Groups = GrowingBuckets<RmapGroup, RmapPages, &RmapPages::group, &RmapPages::groups, RmapPages::kGroupsPerPage>;

    RmapPages memory_;
    Places places_{memory_};
    Groups groups_{memory_};
    RmapGroup* recent_ = nullptr;   // of the latest leaf: the next one often lies beside it
    RmapGroup* crowded_ = nullptr;  // it has one leaf too many
};

}  // namespace nest::nested
