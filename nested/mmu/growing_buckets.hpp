// SPDX-License-Identifier: GPL-2.0-only
// GrowingBuckets: a hash table whose chains stay short however much it holds, for use under a lock where nothing can be
// allocated and no operation may take long.
//
// Linear hashing: the buckets are split one after the other, each by an insertion, so that no insertion pays for a new
// table. The hash is seeded: a guest, which chooses the keys, cannot aim at one bucket.
//
// `T` has `u64 key`, unique in the table, and `T* next_in_bucket`. The store gives the memory: kSlot is a bucket of it,
// empty before its first use, kCapacity how many there are by now: kFirst or more from the first element on.
//
// Locking: the owner's.
#pragma once
#include <base/types.hpp>

namespace nest::nested {

template <typename T, typename Store, T*& (Store::*kSlot)(size_t) const, size_t (Store::*kCapacity)() const,
          size_t kFirst>
class GrowingBuckets {
    static_assert((kFirst & (kFirst - 1)) == 0);

public:
    explicit GrowingBuckets(const Store& store) : store_(store) {}
    GrowingBuckets(const GrowingBuckets&) = delete;
    GrowingBuckets& operator=(const GrowingBuckets&) = delete;

    // Empty again, over an empty store.
    void reset(u64 seed) {
        seed_ = seed;
        round_ = kFirst;
        split_ = count_ = 0;
    }
    size_t count() const { return count_; }
    // Buckets in use, for head().
    size_t size() const { return round_ + split_; }
    T* head(size_t bucket) const { return (store_.*kSlot)(bucket); }

    // The link that leads to the element of this key, or the null link at the end of the chain. Only for a table that has, or
    // has had, an element: before that there are no buckets.
    T** find(u64 key) const {
        T** link = &(store_.*kSlot)(bucket_of(key));
        while (*link && (*link)->key != key)
            link = &(*link)->next_in_bucket;
        return link;
    }
    // The table must have no element of the same key.
    void insert(T& element) {
        T*& first = (store_.*kSlot)(bucket_of(element.key));
        element.next_in_bucket = first;
        first = &element;
        count_++;
        if (size() < count_ && size() < (store_.*kCapacity)())
            split();
    }
    // `link` comes from find() and leads to an element. Returns the element, which is the caller's again.
    T* remove(T** link) {
        T* element = *link;
        *link = element->next_in_bucket;
        count_--;
        return element;
    }

private:
    // The finalizer of MurmurHash3 (public domain): each bit of the key reaches each bit of the bucket's number.
    u64 hash(u64 key) const {
        u64 h = key ^ seed_;
        h = (h ^ h >> 33) * 0xff51'afd7'ed55'8ccd;
        h = (h ^ h >> 33) * 0xc4ce'b9fe'1a85'ec53;
        return h ^ h >> 33;
    }
    // Buckets below split_ have been split in this round, and their other halves lie from round_ on.
    size_t bucket_of(u64 key) const {
        const u64 h = hash(key);
        const size_t bucket = h & (round_ - 1);
        return bucket < split_ ? h & (2 * round_ - 1) : bucket;
    }
    void split() {
        T** stay = &(store_.*kSlot)(split_);
        T** move = &(store_.*kSlot)(size());
        const size_t from = split_++;
        for (T* element = *stay; element; element = element->next_in_bucket) {
            T**& end = bucket_of(element->key) == from ? stay : move;
            *end = element;
            end = &element->next_in_bucket;
        }
        *stay = *move = nullptr;
        if (split_ == round_) {
            round_ *= 2;
            split_ = 0;
        }
    }

    const Store& store_;
    u64 seed_ = 0;
    size_t round_ = kFirst;  // buckets at the beginning of this round of splits: a power of two
    size_t split_ = 0;       // how many of them have been split
    size_t count_ = 0;
};

}  // namespace nest::nested
