// SPDX-License-Identifier: GPL-2.0-only
// Zeroed table pages, fetched while one may sleep and used under the mmu spinlock. One per vCPU, and one per VM for
// eager splitting. Not for two threads at a time.
#pragma once
#include <base/memory.hpp>
#include <base/result.hpp>

namespace nest::stage2 {

class TableCache {
public:
    TableCache() = default;
    TableCache(const TableCache&) = delete;
    TableCache& operator=(const TableCache&) = delete;
    ~TableCache() { drain(); }

    // Fills the cache up to `count` pages; -ENOMEM: fewer, and those stay. Sleeps.
    Status top_up(unsigned count) {
        while (count_ < count) {
            void* page = nest_port_pages_alloc(0, false);
            if (!page)
                return Errno::kNoMem;
            put(page);
        }
        return kOk;
    }
    // nullptr: the cache is empty. Does not sleep.
    void* alloc() {
        if (!head_)
            return nullptr;
        Link* page = head_;
        head_ = page->next;
        page->next = nullptr;
        count_--;
        return page;
    }
    void drain() {
        while (void* page = alloc())
            nest_port_pages_free(page, 0);
    }
    unsigned size() const { return count_; }

private:
    struct Link {
        Link* next;
    };
    void put(void* page) {
        head_ = ::new (page) Link{head_};
        count_++;
    }

    Link* head_ = nullptr;
    unsigned count_ = 0;
};

}  // namespace nest::stage2
