// SPDX-License-Identifier: GPL-2.0-only
// The shadows of a VM: found by hash, held by the vCPUs that run on them, and evicted, the longest unused first, only when
// a new one is wanted and the pool may not grow (docs/nested.md, "One fault on a shadow", step 8).
//
// The array of shadows has its final size from the beginning and a shadow stays until the VM ends: whoever walks the pool
// under the mmu lock (a notifier, a TLBI) can never meet one that moved or was freed.
#pragma once
#include <nested/mmu/mmu_stats.hpp>
#include <nested/mmu/shadow.hpp>

namespace nest::nested {

template <typename Memory>
class ShadowPool {
public:
    static constexpr unsigned kPerVcpu = 4;
    static constexpr unsigned kMost = 2048;

    ShadowPool(arch::Cpu& cpu, stage2::VmidAllocator& vmids, SpinLock& mmu_lock, Rmap& rmap, MmuStats& stats)
        : cpu_(cpu), vmids_(vmids), lock_(mmu_lock), rmap_(rmap), stats_(stats) {}
    ShadowPool(const ShadowPool&) = delete;
    ShadowPool& operator=(const ShadowPool&) = delete;
    ~ShadowPool() { destroy(); }

    // `most`: shadows that there may ever be; ipa_bits: as large as L1 believes physical addresses to be. -ENOMEM,
    // -EINVAL. Sleeps.
    Status init(unsigned most, unsigned ipa_bits, const stage2::HostFeatures& host) {
        if (!stage2::geometry_for(ipa_bits, host.parange).valid())
            return Errno::kInval;
        most = most < kMost ? most : kMost;
        Buffer<Shadow<Memory>*> all(most), buckets(kBuckets);
        if (!all || !buckets)
            return Errno::kNoMem;
        all_ = std::move(all);
        buckets_ = std::move(buckets);
        ipa_bits_ = ipa_bits;
        host_ = host;
        return kOk;
    }
    // No vCPU and no notifier any more. Sleeps.
    void destroy() {
        for (unsigned i = 0; i < count_; i++)
            nest::destroy(std::exchange(all_[i], nullptr));
        count_ = 0;
        unused_first_ = unused_last_ = nullptr;
    }
    // The pool may have kPerVcpu shadows for each vCPU of the VM. mmu lock.
    void set_vcpus(unsigned vcpus) {
        const size_t wanted = size_t{vcpus} * kPerVcpu;
        limit_ = static_cast<unsigned>(wanted < all_.size() ? wanted : all_.size());
    }

    // The shadow for `key`, held, or nullptr. mmu lock.
    Shadow<Memory>* find_and_hold(const ShadowKey& key) {
        Shadow<Memory>* s = find(key);
        if (s) {
            hold(*s);
            stats_.hits++;
        }
        return s;
    }
    // As find_and_hold(), but makes a shadow, or evicts one. -ENOMEM; -EBUSY: as many as there may be, and each in use
    // (never: a vCPU holds two when it asks, and four at most: also the one it makes, and one that another vCPU made meanwhile).
    // Sleeps; takes the mmu lock.
    Result<Shadow<Memory>*> get(const ShadowKey& key) {
        Change change;
        return get(key, change);
    }
    // Also says what had to change for it, whatever the answer is.
    struct Change {
        bool made = false;                // there was none
        std::optional<ShadowKey> evicted; // this one went for it
    };
    Result<Shadow<Memory>*> get(const ShadowKey& key, Change& change) {
        Shadow<Memory>* fresh = nullptr;
        {
            Guard guard(lock_);
            if (Shadow<Memory>* s = find_and_hold(key))
                return s;
            stats_.misses++;
            if (count_ + creating_ < limit_)
                creating_++;
            else if (!(fresh = take_victim(change)))
                return Errno::kBusy;
        }
        fresh = fresh ? emptied(fresh) : created();
        if (!fresh)
            return Errno::kNoMem;
        Guard guard(lock_);
        if (Shadow<Memory>* s = find_and_hold(key)) {  // another vCPU made this shadow while the lock was dropped
            put(*fresh);
            return s;
        }
        fresh->key = key;
        fresh->in_hash = true;
        change.made = true;
        fresh->next_in_bucket = std::exchange(bucket(key.vmid), fresh);
        return fresh;
    }
    // mmu lock.
    void put(Shadow<Memory>& s) {
        NEST_BUG_ON(s.users == 0);
        if (--s.users == 0)
            append_unused(s);
    }

    // All under the mmu lock.
    template <typename Fn>
    void for_each(Fn&& fn) {
        for (unsigned i = 0; i < count_; i++)
            fn(*all_[i]);
    }
    template <typename Fn>
    void for_each_of_vmid(u16 vmid, Fn&& fn) {
        for (Shadow<Memory>* s = bucket(vmid); s; s = s->next_in_bucket)
            if (s->key.vmid == vmid)
                fn(*s);
    }
    Shadow<Memory>& operator[](u16 index) { return *all_[index]; }
    unsigned count() const { return count_; }
    unsigned limit() const { return limit_; }
    const void* array() const { return all_.data(); }

private:
    static constexpr size_t kBuckets = 256;

    // By VMID alone, so that a TLBI by VMID finds its shadows as well; rarely do two tables share one.
    Shadow<Memory>*& bucket(u16 vmid) { return buckets_[(vmid ^ vmid >> 8) & (kBuckets - 1)]; }
    Shadow<Memory>* find(const ShadowKey& key) {
        for (Shadow<Memory>* s = bucket(key.vmid); s; s = s->next_in_bucket)
            if (s->key == key)
                return s;
        return nullptr;
    }
    void hold(Shadow<Memory>& s) {
        if (s.users++ == 0)
            take_unused(s);
    }

    // Takes the longest unused shadow out of the hash and holds it. The shadow stays in the array, so that notifiers still find
    // its leaves; L1's TLBI passes it over, as in_hash is clear. One that is not in the hash lost the race in get(), and is
    // empty.
    Shadow<Memory>* take_victim(Change& change) {
        Shadow<Memory>* s = unused_first_;
        if (!s)
            return nullptr;
        hold(*s);
        if (s->in_hash) {
            Shadow<Memory>** link = &bucket(s->key.vmid);
            while (*link != s)
                link = &(*link)->next_in_bucket;
            *link = s->next_in_bucket;
            s->in_hash = false;
            stats_.evictions++;
            change.evicted = s->key;
        }
        return s;
    }
    // Unmaps a victim, in pieces, so that neither a fault nor the scheduler waits for a whole L2. Then the VMID's entries of
    // stage 1 go, too: the VMID stays, and the next key may be another L2 that uses the same ASIDs on the same vCPU, where
    // Stage2::change_runner() sees no change.
    Shadow<Memory>* emptied(Shadow<Memory>* s) {
        for (arch::L2Ipa at{}; at < s->tables.limit();) {
            {
                Guard guard(lock_);
                at = s->unmap(at, s->tables.limit());
                s->settle();
            }
            nest_port_relax();
        }
        Guard guard(lock_);
        s->emptied();
        s->tables.invalidate_all();
        return s;
    }
    Shadow<Memory>* created() {
        Shadow<Memory>* s = make<Shadow<Memory>>(cpu_, vmids_);
        if (s && !s->tables.init(ipa_bits_, host_).ok())
            nest::destroy(std::exchange(s, nullptr));
        Guard guard(lock_);
        creating_--;
        if (!s)
            return nullptr;
        s->index = static_cast<u16>(count_);
        s->users = 1;
        s->tables.policy().bind(rmap_, s->index);
        all_[count_++] = s;
        return s;
    }

    void append_unused(Shadow<Memory>& s) {
        s.lru_previous = unused_last_;
        s.lru_next = nullptr;
        (unused_last_ ? unused_last_->lru_next : unused_first_) = &s;
        unused_last_ = &s;
    }
    void take_unused(Shadow<Memory>& s) {
        (s.lru_previous ? s.lru_previous->lru_next : unused_first_) = s.lru_next;
        (s.lru_next ? s.lru_next->lru_previous : unused_last_) = s.lru_previous;
        s.lru_next = s.lru_previous = nullptr;
    }

    arch::Cpu& cpu_;
    stage2::VmidAllocator& vmids_;
    SpinLock& lock_;
    Rmap& rmap_;
    MmuStats& stats_;
    stage2::HostFeatures host_;
    unsigned ipa_bits_ = 0;
    Buffer<Shadow<Memory>*> all_;
    Buffer<Shadow<Memory>*> buckets_;
    unsigned count_ = 0;
    unsigned creating_ = 0;
    unsigned limit_ = 0;
    Shadow<Memory>* unused_first_ = nullptr;
    Shadow<Memory>* unused_last_ = nullptr;
};

}  // namespace nest::nested
