// SPDX-License-Identifier: GPL-2.0-only
// The reverse map's memory: pages that came one by one, each with places for nodes and with the share of both hash
// tables' buckets that these nodes need. So buckets keep pace with nodes, and a page is never spent on buckets alone.
//
// Pages are found by number, through a directory in two steps: an array for as many pages as there may ever be would cost
// a VM that never nests, so that only its first step is made at once; the rest lies in the pages themselves.
#pragma once
#include <arch/address.hpp>
#include <base/lock.hpp>
#include <base/memory.hpp>
#include <base/result.hpp>

namespace nest::nested {

struct RmapGroup;

// A shadow leaf, and the frames that some leaves have in common. Keys: see Rmap.
struct RmapNode {
    RmapNode* next_in_bucket;  // by place
    u64 key : 58;
    u64 frame : 6;     // which one of the group's
    RmapGroup* group;
    RmapNode* next;    // of the same group, an older one
    RmapNode** link;   // what points here
};
struct RmapGroup {
    RmapGroup* next_in_bucket;
    u64 key;
    RmapNode* first;   // the newest
    RmapNode* last;    // the oldest
    size_t count;
};

class RmapPages {
public:
    static constexpr size_t kPlacesPerPage = 64, kGroupsPerPage = 32;

    RmapPages() = default;
    RmapPages(const RmapPages&) = delete;
    RmapPages& operator=(const RmapPages&) = delete;
    ~RmapPages() { destroy(); }

    // -ENOMEM. Sleeps.
    Status init(size_t most) {
        Buffer<Page**> chapters((most + kChapter - 1) / kChapter);
        if (!chapters)
            return Errno::kNoMem;
        destroy();
        chapters_ = std::move(chapters);
        most_ = most;
        return kOk;
    }
    // Frees all pages, with every node and group in them.
    void destroy() {
        // The last first: the first of each chapter says where the others are.
        while (count_)
            nest_port_pages_free(&page(--count_), 0);
        free_ = nullptr;
        most_ = 0;
    }
    size_t count() const { return count_; }
    bool may_grow() const { return count_ < most_; }
    // Takes a page over, whatever the page contains.
    void add(void* memory) {
        NEST_BUG_ON(!may_grow());
        Page* added = ::new (memory) Page{};
        size_t first_spare = 0;
        if (count_ % kChapter == 0) {
            chapters_[count_ / kChapter] = ::new (added->spares) Page*[kChapter]{};
            first_spare = kChapterSpares;
        }
        chapters_[count_ / kChapter][count_ % kChapter] = added;
        count_++;
        for (size_t i = kSparesPerPage; i-- > first_spare;)
            free_ = ::new (added->spares + i) Free{free_};
    }

    bool has_two() const { return free_ && free_->next; }
    // Memory for a node or a group; nullptr: none left.
    void* take() { return free_ ? std::exchange(free_, free_->next) : nullptr; }
    void give_back(void* spare) { free_ = ::new (spare) Free{free_}; }

    // The hash tables' buckets.
    size_t places() const { return count_ * kPlacesPerPage; }
    size_t groups() const { return count_ * kGroupsPerPage; }
    RmapNode*& place(size_t i) const { return page(i / kPlacesPerPage).places[i % kPlacesPerPage]; }
    RmapGroup*& group(size_t i) const { return page(i / kGroupsPerPage).groups[i % kGroupsPerPage]; }

private:
    struct Free {
        Free* next;
    };
    struct alignas(u64) Spare {
        u8 bytes[sizeof(RmapNode)];
    };
    static_assert(sizeof(RmapNode) == 40 && sizeof(RmapGroup) <= sizeof(Spare));
    static constexpr size_t kBucketBytes = (kPlacesPerPage + kGroupsPerPage) * sizeof(void*);
    static constexpr size_t kSparesPerPage = (arch::kPageSize - kBucketBytes) / sizeof(Spare);
    struct Page {
        RmapNode* places[kPlacesPerPage];
        RmapGroup* groups[kGroupsPerPage];
        Spare spares[kSparesPerPage];
    };
    static_assert(sizeof(Page) <= arch::kPageSize);
    static constexpr size_t kChapter = 32;
    static constexpr size_t kChapterSpares = (kChapter * sizeof(Page*) + sizeof(Spare) - 1) / sizeof(Spare);

    Page& page(size_t i) const { return *chapters_[i / kChapter][i % kChapter]; }

    Buffer<Page**> chapters_;
    size_t most_ = 0, count_ = 0;
    Free* free_ = nullptr;
};

}  // namespace nest::nested
