// SPDX-License-Identifier: GPL-2.0-only
// Half-open intervals of u64, possibly overlapping, in an array ordered by their start. Each entry also knows the
// greatest end of all entries up to it, so that an overlap query walks back only over what can still overlap.
#pragma once
#include <base/lock.hpp>
#include <base/memory.hpp>
#include <base/partition_point.hpp>
#include <utility>

namespace nest::kvm {

// T: a trivial handle, usually a pointer. No locking of its own: the owner of the index says which lock guards it.
template <typename T>
class IntervalIndex {
public:
    struct Entry {
        u64 start;
        u64 end;      // exclusive
        u64 max_end;  // of this and all earlier entries
        T item;
    };
    using Storage = Buffer<Entry>;

    size_t size() const { return size_; }
    bool full() const { return size_ == storage_.size(); }
    const Entry& operator[](size_t i) const { return storage_[i]; }

    // Storage for adopt(), twice as large as now; empty (operator bool is false) when there is no memory. Sleeps.
    Storage larger() const { return Storage(storage_.size() ? storage_.size() * 2 : 16); }
    // Moves to larger storage and leaves the old one in `storage`, to be freed where sleeping is allowed.
    void adopt(Storage& storage) {
        for (size_t i = 0; i < size_; i++)
            storage[i] = storage_[i];
        std::swap(storage_, storage);
    }

    // There must be room: !full().
    void insert(u64 start, u64 end, T item) {
        NEST_BUG_ON(full());
        size_t at = lower_bound(start);
        for (size_t i = size_; i > at; i--)
            storage_[i] = storage_[i - 1];
        storage_[at] = {start, end, 0, item};
        size_++;
        update_max_end(at);
    }
    // The entry must be there.
    void erase(u64 start, T item) {
        size_t at = lower_bound(start);
        while (at < size_ && storage_[at].item != item)
            at++;
        NEST_BUG_ON(at == size_ || storage_[at].start != start);
        for (size_t i = at + 1; i < size_; i++)
            storage_[i - 1] = storage_[i];
        size_--;
        update_max_end(at);
    }

    // visit(const Entry&) for each entry that shares a point with [start, end), in no particular order; it returns
    // true to stop. True when a visit stopped.
    template <typename Visit>
    bool for_each_overlap(u64 start, u64 end, Visit visit) const {
        for (size_t i = lower_bound(end); i-- > 0 && storage_[i].max_end > start;)
            if (storage_[i].end > start && visit(storage_[i]))
                return true;
        return false;
    }
    bool overlaps(u64 start, u64 end) const {
        return for_each_overlap(start, end, [](const Entry&) { return true; });
    }

    // The first point of [start, end) that lies in any interval; `end` when none does.
    u64 first_covered(u64 start, u64 end) const {
        // The first entry whose max_end lies beyond `start`. That max_end is its own end, as no earlier entry reaches so far.
        const size_t at = partition_point(size_, [&](size_t i) { return storage_[i].max_end <= start; });
        if (at == size_ || storage_[at].start >= end)
            return end;
        return storage_[at].start > start ? storage_[at].start : start;
    }

private:
    // The first entry that starts at or after `start`.
    size_t lower_bound(u64 start) const {
        return partition_point(size_, [&](size_t i) { return storage_[i].start < start; });
    }
    void update_max_end(size_t from) {
        for (size_t i = from; i < size_; i++) {
            u64 before = i ? storage_[i - 1].max_end : 0;
            u64 max_end = storage_[i].end > before ? storage_[i].end : before;
            storage_[i].max_end = max_end;
        }
    }

    Storage storage_;
    size_t size_ = 0;
};

}  // namespace nest::kvm
