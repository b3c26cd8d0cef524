// SPDX-License-Identifier: GPL-2.0-only
// A VM's canonical stage 2, and what changes it besides faults: memory slots and MMU notifiers. What they unmap or protect is
// unmapped or protected in the VM's shadows, too, under the same hold of the lock.
#pragma once
#include <kvm/cpu/cpu.hpp>
#include <kvm/memory/canonical.hpp>
#include <kvm/memory/hva_ranges.hpp>
#include <kvm/memory/memslots.hpp>
#include <kvm/stats/stats.hpp>
#include <kvm/vm/nested_vncr.hpp>
#include <stage2/stage2.hpp>

namespace nest::kvm {

class VmStage2 final : public StageTwoUser {
public:
    using Tables = CanonicalTables;

    // `vncr`: the VM's; translations of L1's VNCR_EL2 are dropped together with leaves, too.
    VmStage2(SpinLock& mmu_lock, stage2::VmidAllocator& vmids, NestedVncr& vncr)
        : mmu_lock_(mmu_lock), tables_(cpu(), vmids), vncr_(vncr) {}

    Status init(unsigned ipa_bits, const stage2::HostFeatures& features) { return tables_.init(ipa_bits, features); }
    // No vCPU runs any more. Sleeps.
    void destroy();
    // From now on each change is made in these shadows, too; nullptr: there are none any more. mmu_lock held, or nobody else
    // uses the VM.
    void attach(Shadows* shadows) {
        if (shadows)
            mmu_lock_.assert_held();
        shadows_ = shadows;
    }

    // StageTwoUser. The first with the mmu lock held; the others take it themselves.
    void slots_changed() override { advance_seq(); }
    void unmap_gfns(u64 start, u64 end) override;
    void write_protect_gfns(u64 start, u64 end) override;
    void split_gfns(u64 start, u64 end, u64 chunk) override;

    // Cleans all mapped memory to the point of coherency, for a guest whose caches are off. Sleepable.
    void clean_all();

    // MMU notifiers. Any context that may spin; never sleep. The kernel calls start, changes its page table, calls end.
    // A fault may map only what its page table holds outside of that, so: it finds its slot and notes seq(), asks for the
    // page, and under the mmu lock maps it unless may_map() forbids it. In every order that is safe:
    //  * The page was asked for before the kernel's change, the fault gets the lock before start: start unmaps it.
    //  * ... between start and end: the range is in progress, whether or not a slot was there when it began. A slot that
    //    is made after start, by a VMM that maps and unmaps in another thread, is covered as well.
    //  * ... after end: if a slot was there at end, then end has advanced the sequence. If none was, the fault's own slot,
    //    which has that address, was gone by then, or not yet made. Gone: its removal has advanced the sequence. Not yet
    //    made: the fault found it after end, and asked for the page after that, which is the next case.
    //  * The page was asked for after the kernel's change: it is the new page, and may be mapped. may_map() refuses it all the
    //    same until end, and once more if the fault noted the sequence before end: then the guest faults again.
    // What is derived from a leaf of this stage 2 (shadow leaves, VNCR_EL2's translations, walks of L1's tables) is derived
    // under one hold of the lock, and start takes it away together with the leaf: only faults need the sequence.
    // Ranges without a slot hold nobody up, so that a VMM which maps and unmaps without pause does not stop its vCPUs.
    void notifier_start(const Memslots& slots, arch::Hva start, arch::Hva end);
    void notifier_end(const Memslots& slots, arch::Hva start, arch::Hva end);
    bool notifier_age(const Memslots& slots, arch::Hva start, arch::Hva end, bool clear);
    u64 seq() const { return seq_.load_acquire(); }
    // [start, end): all that would be reachable by the new leaf. mmu_lock held.
    bool may_map(u64 seq, arch::Hva start, arch::Hva end) const {
        mmu_lock_.assert_held();
        return seq_.load_relaxed() == seq && !in_progress_.overlap(start, end);
    }

    // Sets the access flag of the leaf at `page`. -ENOENT: nothing is mapped there any more. mmu_lock held.
    Status make_young(arch::Ipa page) { return locked().make_young(page); }

    // Frees tables that left the tree, once every CPU has left tier 0. Sleepable, no lock held.
    void reap();

    // Brings the counters up to date that stage 2 keeps. Any context; several readers may be here.
    void report(VmStats& stats) const;

    Tables& tables() { return tables_; }
    arch::VTTBR_EL2 vttbr(unsigned cpu_id) { return tables_.vttbr(cpu_id); }
    arch::VTCR_EL2 vtcr() const { return tables_.vtcr(); }

private:
    template <typename Change, typename Follow>
    void in_pieces(u64 start, u64 end, Change change, Follow follow);
    template <typename Visit>
    bool visit_backing(const Memslots& slots, arch::Hva start, arch::Hva end, bool begins, Visit visit);
    template <typename Leaves>
    u64 piece(u64 bytes, Leaves leaves) const;
    void drop_untracked(bool may_sleep);
    // tables_, for code that has to hold mmu_lock.
    Tables& locked() {
        mmu_lock_.assert_held();
        return tables_;
    }
    void unmap_locked(arch::Ipa start, arch::Ipa end);
    // mmu_lock held. A release, as seq() is read without the lock: a fault that reads the new value also sees the kernel's page
    // table as it was changed before, and so gets the new page.
    void advance_seq() {
        mmu_lock_.assert_held();
        seq_.store_release(seq_.load_relaxed() + 1);
    }

    SpinLock& mmu_lock_;
    Tables tables_;
    NestedVncr& vncr_;
    Shadows* shadows_ = nullptr;  // mmu_lock
    Atomic<u64> seq_;
    HvaRanges in_progress_;                    // mmu_lock
    Mutex split_lock_{NEST_LOCK_EAGER_SPLIT};  // one eager split at a time uses split_cache_
    stage2::TableCache split_cache_;
};

}  // namespace nest::kvm
