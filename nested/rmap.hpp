// SPDX-License-Identifier: GPL-2.0-only
// The reverse map of a VM: from a canonical guest frame to the shadow leaves that translate to it.
//
// One node per shadow leaf, in two hash tables: by the canonical frames that it covers (pages in groups of 64, blocks one
// by one), and by where it lies in its shadow. So an MMU notifier pays for the frames that it names, not for the size of
// the guest, and a leaf that goes finds its node. Nodes come from pages that the caller hands in; they stay here until
// the VM ends, and there is an upper limit of them.
//
// Locking: the VM's mmu lock for everything but init() and destroy().
#pragma once
#include <arch/address.hpp>
#include <arch/memory.hpp>
#include <arch/result.hpp>
#include <stage2/geometry.hpp>

namespace nest::nested {

class Rmap {
public:
    static constexpr unsigned kDefaultBucketBits = 14;
    static constexpr size_t kDefaultPages = 16384;  // 64 MiB: two million leaves

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
    ~Rmap() { destroy(); }

    // -ENOMEM. Sleeps.
    Status init(unsigned bucket_bits = kDefaultBucketBits, size_t max_pages = kDefaultPages);
    void destroy();

    // insert() will not fail for want of a node.
    bool has_node() const { return free_ != nullptr; }
    // May it grow? Then a zeroed page for add_page() is welcome.
    bool may_grow() const { return pages_ < max_pages_; }
    void add_page(void* page);

    // False: no node left, and nothing was changed.
    [[nodiscard]] bool insert(const Leaf& leaf);
    // False: there is none, or not of this level.
    bool remove(u16 shadow, arch::L2Ipa at, unsigned level);
    // The frame that the shadow's leaf at exactly this address was entered with, or kNoFrame.
    static constexpr u64 kNoFrame = ~u64{0};
    u64 find(u16 shadow, arch::L2Ipa at, unsigned level) const;

    // fn(const Leaf&) for each leaf that uses a frame of [start, end); fn may remove that very leaf, no other, and
    // insert none.
    template <typename Fn>
    void for_each(u64 start, u64 end, Fn&& fn) {
        if (start >= end || !count_)
            return;
        for (unsigned level = 1; level <= stage2::kLastLevel; level++) {
            const u64 first = start >> kGroupBits[level], last = (end - 1) >> kGroupBits[level];
            if (last - first >= buckets()) {
                for (size_t b = 0; b < buckets(); b++)
                    visit(by_frame_[b], [&](const Node& n) { return n.leaf.level == level; }, start, end, fn);
                continue;
            }
            for (u64 group = first; group <= last; group++)
                visit(by_frame_[bucket(group, level)],
                      [&](const Node& n) { return n.leaf.level == level && n.leaf.gfn >> kGroupBits[level] == group; },
                      start, end, fn);
        }
    }
    size_t count() const { return count_; }
    size_t pages() const { return pages_; }

private:
    struct Node {
        Node* next_by_frame;
        Node* next_by_place;
        Leaf leaf;
    };
    struct Page {
        Page* next;
    };
    static constexpr u8 kGroupBits[] = {0, 18, 9, 6};  // log2 of the frames that share a bucket, by level
    static constexpr size_t kNodesPerPage = (arch::kPageSize - sizeof(Page)) / sizeof(Node);
    static_assert(sizeof(Node) <= 40);

    size_t buckets() const { return size_t{1} << bits_; }
    size_t bucket(u64 key, u64 salt) const {
        return static_cast<size_t>((key * 4 + salt) * 0x9e37'79b9'7f4a'7c15 >> (64 - bits_));
    }
    size_t frame_bucket(const Leaf& l) const { return bucket(l.gfn >> kGroupBits[l.level], l.level); }
    size_t place_bucket(u16 shadow, arch::L2Ipa at) const { return bucket(at.frame(), u64{shadow} << 40); }
    template <typename Mine, typename Fn>
    static void visit(Node* head, Mine mine, u64 start, u64 end, Fn& fn) {
        for (Node *n = head, *next; n; n = next) {
            next = n->next_by_frame;
            if (mine(*n) && n->leaf.gfn < end && start < n->leaf.gfn + n->leaf.frames()) {
                const Leaf leaf = n->leaf;
                fn(leaf);
            }
        }
    }

    unsigned bits_ = 0;
    size_t max_pages_ = 0, pages_ = 0, count_ = 0;
    Buffer<Node*> by_frame_, by_place_;
    Node* free_ = nullptr;
    Page* page_list_ = nullptr;
};

}  // namespace nest::nested
