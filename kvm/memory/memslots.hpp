// SPDX-License-Identifier: GPL-2.0-only
// The memory slots of a VM: KVM_SET_USER_MEMORY_REGION(2), the dirty log, and the lookups of faults and notifiers.
//
// Locks, outermost first:
//   mutex_      one change or dirty-log ioctl at a time (ours)
//   lock        read: lookups; write: a change, while it unmaps and writes the index
//   mmu_lock    the VM's stage-2 spinlock: MMU notifiers look slots up under this one alone
// A change writes the index under `lock` and `mmu_lock` together, so either of them keeps every slot in place.
//
// Nobody holds `lock` while the VMM's memory is touched. Otherwise: vCPU A holds `lock` and faults on the VMM's memory, which
// the VMM fills in by userfaultfd; the VMM's thread, before it answers, changes a slot and waits for `lock`: for ever. Instead:
//  * A stage-2 fault finds the slot, notes the stage 2's sequence and drops `lock`; then it brings the page in. The slot
//    that it found is valid only as long as the sequence stays, which it checks under mmu_lock. slots_changed() advances the
//    sequence before anything is unmapped for a change, and no fault can note it again until the change has dropped `lock`.
//  * Code that copies from or to guest memory makes a GuestPage. The ioctl that removes or changes a slot returns only when
//    all GuestPages from before are gone, as the VMM may then use that part of its memory for something else. The ioctl waits
//    in grace_, with no lock held that others want.
#pragma once
#include <base/atomic.hpp>
#include <base/grace.hpp>
#include <base/interval_index.hpp>
#include <base/lock.hpp>
#include <base/result.hpp>
#include <kvm/abi/capability.hpp>
#include <kvm/memory/memslot.hpp>

namespace nest::kvm {

// What slots ask of the VM's stage 2 (canonical and shadow tables alike). Frames are guest frames, `end` exclusive.
// Each takes the mmu spinlock itself, may drop it in between, and returns with the TLBs invalidated. Sleepable context.
class StageTwoUser {
public:
    // A slot is about to go, has changed, or is new: faults that have found a slot before must look again. Called with the mmu
    // lock held, unlike the other functions.
    virtual void slots_changed() = 0;
    virtual void unmap_gfns(u64 start, u64 end) = 0;
    virtual void write_protect_gfns(u64 start, u64 end) = 0;
    // Dirty logging begins for frames that may be mapped by blocks: makes pages of these, `chunk` bytes at a time. A hint:
    // a write fault splits as well.
    virtual void split_gfns(u64 start, u64 end, u64 chunk) = 0;

protected:
    ~StageTwoUser() = default;
};

// What a vCPU's last lookups found: a slot, and a frame of none, which a device has. Its own, so that a lookup mostly costs one
// comparison.
struct MemslotHint {
    const Memslot* slot = nullptr;
    u64 generation = 0;
    u64 hole = 0;
    u64 hole_generation = 0;
};

class Memslots {
public:
    static constexpr u32 kMaxSlots = 32767;                       // KVM_CAP_NR_MEMSLOTS
    static constexpr u64 kMaxPagesPerSlot = (u64{1} << 31) - 1;   // of the host's
    static constexpr u64 kManualProtectOptions =                  // KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2
        abi::KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE | abi::KVM_DIRTY_LOG_INITIALLY_SET;

    // ipa_bits: the size of the guest's physical address space.
    Memslots(RwSemaphore& lock, SpinLock& mmu_lock, StageTwoUser& stage2, unsigned ipa_bits)
        : lock_(lock), mmu_lock_(mmu_lock), stage2_(stage2), ipa_bits_(ipa_bits) {}
    Memslots(const Memslots&) = delete;
    Memslots& operator=(const Memslots&) = delete;
    // The last user is gone; stage 2 is not asked any more.
    ~Memslots();

    // ---- ioctls, in the VMM's context; none of the locks held

    // Both versions of the ioctl: they differ in guest_memfd only, which is not offered. Size 0 deletes. EINVAL, also
    // for a dirty log of device pages; EEXIST overlap, EFAULT beyond the guest's address space, ENOMEM.
    Status set_region(const abi::UserMemoryRegion2& region);
    // Copies the log out; without manual protection also clears it and write-protects. EINVAL, ENOENT, EFAULT; ENXIO: the VM has dirty
    // rings alone.
    Status get_dirty_log(const abi::DirtyLog& log);
    // Clears the bits that user space names and write-protects their pages. Errors as above.
    Status clear_dirty_log(const abi::ClearDirtyLog& log);
    // KVM_ENABLE_CAP(KVM_CAP_DIRTY_LOG_RING_ACQ_REL): the size of each vCPU's dirty ring. EINVAL: no power of two, too small, or set before;
    // E2BIG. The VM has no vCPU.
    Status set_ring_bytes(u64 bytes);
    // KVM_ENABLE_CAP(KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP): writes that are no vCPU's go to the slots' bitmaps. EINVAL: no ring size, or there
    // are slots already.
    Status keep_bitmaps_beside_rings();
    // Entries of each vCPU's ring; 0: the VM has none.
    u32 ring_entries() const { return ring_entries_.load_relaxed(); }
    static constexpr u64 kMaxRingBytes = u64{abi::KVM_DIRTY_RING_MAX_ENTRIES} * sizeof(abi::DirtyGfn);
    // Takes back what the VMM has collected of the ring, and write-protects those pages. Returns the number of entries.
    u32 reset_ring(DirtyRing& ring);
    // KVM_ENABLE_CAP(KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2). EINVAL.
    Status enable_manual_dirty_log(const abi::EnableCap& cap);
    // KVM_ENABLE_CAP(KVM_CAP_ARM_EAGER_SPLIT_CHUNK_SIZE): blocks are split as soon as their slot is logged, that many bytes
    // at a time; 0, as at first: when they are written. EINVAL: no block size, or there are slots already.
    Status set_split_chunk(u64 bytes);
    u64 split_chunk() const { return split_chunk_.load_relaxed(); }
    static constexpr u64 kBlockSizes = 0x1000 | 0x20'0000 | 0x4000'0000;  // KVM_CAP_ARM_SUPPORTED_BLOCK_SIZES

    // ---- lookups; `lock` held for reading, or mmu_lock

    // nullptr: no memory there.
    const Memslot* find(u64 gfn) const;
    const Memslot* find(u64 gfn, MemslotHint& hint) const;
    // Without a lock, any context. True: no slot has the frame, as the last find() with this hint saw, and no change has ended
    // since. (Of one that is under way the access may see either side.)
    bool is_hole(u64 gfn, const MemslotHint& hint) const {
        return gfn == hint.hole && hint.hole_generation == generation_.load_acquire();
    }
    // visit(const Memslot&, u64 first_gfn, u64 end_gfn) for each slot that the VMM's range [start, end) backs.
    template <typename Visit>
    void for_each_hva_range(arch::Hva start, arch::Hva end, Visit visit) const {
        assert_either_held(lock_, mmu_lock_);
        by_hva_.for_each_overlap(start.raw, end.raw, [&](const auto& entry) {
            const Memslot& slot = *entry.item;
            u64 low = (start.raw > entry.start ? start.raw - entry.start : 0) >> arch::kPageShift;
            u64 last = (end.raw < entry.end ? end.raw : entry.end) - 1 - entry.start;
            visit(slot, slot.base_gfn + low, slot.base_gfn + (last >> arch::kPageShift) + 1);
            return false;
        });
    }
    // Does any slot lie in the VMM's range [start, end)?
    bool backed_by(arch::Hva start, arch::Hva end) const {
        assert_either_held(lock_, mmu_lock_);
        return by_hva_.overlaps(start.raw, end.raw);
    }
    // The first address of that range that a slot backs; `end` when there is none.
    arch::Hva first_backed(arch::Hva start, arch::Hva end) const {
        assert_either_held(lock_, mmu_lock_);
        return arch::Hva(by_hva_.first_covered(start.raw, end.raw));
    }
    // visit(const Memslot&) for every slot, by frame.
    template <typename Visit>
    void for_each(Visit visit) const {
        for (size_t i = 0; i < by_gfn_.size(); i++)
            visit(*by_gfn_[i].item);
    }
    size_t count() const { return by_gfn_.size(); }
    // The one with `position` others before it, by frame; nullptr behind the last.
    const Memslot* at(size_t position) const {
        assert_either_held(lock_, mmu_lock_);
        return position < by_gfn_.size() ? by_gfn_[position].item : nullptr;
    }
    // Grows with every change of any slot.
    u64 generation() const { return generation_.load_relaxed(); }
    unsigned ipa_bits() const { return ipa_bits_; }

private:
    using Index = IntervalIndex<Memslot*>;

    Status create(const abi::UserMemoryRegion2& region);
    Status modify(Memslot& slot, const abi::UserMemoryRegion2& region);
    void remove(Memslot& slot);
    void unmap(const Memslot& slot);
    void index_changed();
    friend class GuestPage;
    Status reserve_id(u32 id);
    Memslot* by_id(u32 id) const { return id < by_id_.size() ? by_id_[id] : nullptr; }
    bool overlaps_other(u64 start, u64 end, const Memslot* self) const;
    Result<Memslot*> logging_slot(u32 id) const;
    void dirty_logging_starts(const Memslot& slot);
    void split(u64 start, u64 end);
    bool has_bitmaps() const { return !ring_entries_.load_relaxed() || bitmaps_beside_rings_; }
    bool initially_set() const { return manual_protect_ & abi::KVM_DIRTY_LOG_INITIALLY_SET; }

    RwSemaphore& lock_;
    SpinLock& mmu_lock_;
    StageTwoUser& stage2_;
    const unsigned ipa_bits_;
    Mutex mutex_{NEST_LOCK_MEMSLOTS};
    u64 manual_protect_ = 0;    // mutex_
    Atomic<u64> split_chunk_;   // written under mutex_
    Atomic<u32> ring_entries_;  // written under mutex_
    bool bitmaps_beside_rings_ = false;  // mutex_
    Buffer<Memslot*> by_id_;    // mutex_
    Index by_gfn_;              // the intervals are disjoint
    Index by_hva_;              // they may overlap
    Atomic<u64> generation_{1}; // 0 is what a fresh hint holds; written under both locks
    Grace grace_;               // of `lock`
};

// A guest frame's place in the VMM's memory, to be copied from or to. As long as a GuestPage exists, the ioctl that removes its
// slot does not return, and its dirty log exists. Context: a thread of the VMM; none of the slots' locks held; one GuestPage at
// a time in a thread.
class GuestPage {
public:
    GuestPage(Memslots& slots, u64 gfn);
    ~GuestPage() { grace_.leave(phase_); }
    GuestPage(const GuestPage&) = delete;
    GuestPage& operator=(const GuestPage&) = delete;

    explicit operator bool() const { return exists_; }  // a slot has the frame
    bool writable() const { return writable_; }
    arch::Hva hva() const { return hva_; }
    // After it was written; `ring` as DirtyPage has it.
    void mark_dirty(DirtyRing* ring) const { dirty_.mark(ring); }

private:
    Grace& grace_;
    unsigned phase_;
    bool exists_ = false;
    bool writable_ = false;
    arch::Hva hva_{};
    DirtyPage dirty_;
};

}  // namespace nest::kvm
