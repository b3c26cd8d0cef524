// SPDX-License-Identifier: GPL-2.0-only
// ShadowMmu: a VM's nested translation as a whole: shadows, their faults, L1's TLB maintenance, and what the canonical
// stage 2 does to them.
//
// One lock, the VM's mmu lock, guards all of it, and a fault is resolved from its first read of L1's tables to the store
// of the leaf under that one lock, without sleeping. So no sequence has to be checked: L1's TLBI, MMU notifiers and
// memory slots take the lock as well, and find the leaf either not yet or already there. What is missing (a table or a
// page that the canonical stage 2 does not map) is brought in without the lock, and the whole is tried again.
//
// `Canonical` (kvm's) is what LinearMemory asks for; `Memory` is where the shadows' tables lie. Whoever chooses the two has the
// bodies from nested/mmu/mmu_impl.hpp, once.
#pragma once
#include <nested/mmu/mmu_stats.hpp>
#include <nested/mmu/shadow_map.hpp>
#include <nested/mmu/shadow_pool.hpp>
#include <nested/walk/tlbi_scope.hpp>

namespace nest::nested {

template <typename Canonical, typename Memory>
class ShadowMmu {
public:
    using Shadow = nested::Shadow<Memory>;

    ShadowMmu(arch::Cpu& cpu, stage2::VmidAllocator& vmids, SpinLock& mmu_lock, const Canonical& canonical)
        : canonical_(canonical), pool_(cpu, vmids, mmu_lock, rmap_, stats_) {}

    // When the VM gets its first vCPU with EL2. `most_vcpus`: that it may ever have. ipa_bits: of L1's physical addresses
    // (its ID_AA64MMFR0_EL1.PARange). -ENOMEM, -EINVAL. Sleeps.
    Status init(unsigned most_vcpus, unsigned ipa_bits, const stage2::HostFeatures& host,
                size_t rmap_pages = Rmap::kDefaultPages) {
        NEST_TRY(rmap_.init(rmap_pages));
        NEST_TRY(pool_.init(most_vcpus * ShadowPool<Memory>::kPerVcpu, ipa_bits, host));
        return kOk;
    }
    // No vCPU and no notifier any more. Sleeps.
    void destroy() {
        pool_.destroy();
        rmap_.destroy();
    }

    // ---- faults. mmu lock; tier 0 or tier 1 alike

    // `regime`: stage2_regime() of L1's registers of this moment; nullptr when L1 has stage 2 off.
    Resolution resolve(Shadow& shadow, const Stage2Regime* regime, const L2Fault& fault, stage2::TableCache& cache,
                       Reclaim reclaim = Reclaim::kNow);
    // Pages that a resolve() can need.
    static Status top_up(const Shadow& shadow, stage2::TableCache& cache) {
        return cache.top_up(shadow.tables.geometry().max_new_tables() + 1);
    }
    // For walks of L1's and L2's tables. While the mmu lock is held.
    LinearMemory<Canonical> memory() { return {canonical_, frames_}; }
    // L1's answer for an address: what AT S12E1* and the walks of L2's stage-1 tables need. kAbsent as in walk_stage2().
    Stage2Result translate(const Stage2Regime* regime, u64 ipa, bool write) {
        LinearMemory<Canonical> memory = this->memory();
        return regime ? walk_stage2(*regime, memory, ipa, write) : identity_stage2(ipa);
    }

    // ---- the canonical stage 2 changes. mmu lock, held from before the canonical change until after this returns
    //
    // L1 may have mapped each frame any number of times. The caller asks leaves() before the change, and makes it in
    // pieces of so few frames that the lock is not held for long. Between them it may drop the lock, and before it calls
    // the change done, it has drop_untracked() come to its end.

    // How many shadow leaves the next three functions have to look at for these frames: for a group of 64 pages that lie
    // together, or for one block, at most Rmap::kMostOfGroup.
    size_t leaves(u64 start, u64 end) const { return rmap_.count_of(start, end); }
    // These frames are not mapped any more, or not to the same memory, or with less permission.
    void unmap_gfns(u64 start, u64 end, Cause cause);
    void write_protect_gfns(u64 start, u64 end);
    // Was one of these frames used through a shadow, as far as the reverse map knows? `clear`: clears their access flags.
    bool age_gfns(u64 start, u64 end, bool clear);

    // A shadow whose leaves the reverse map does not all know has to go as a whole, whatever frames have changed. It starts
    // anew, tracked. False: there is more; call again with the same progress, the lock dropped in between. What is mapped
    // meanwhile, be it tracked or not, comes from the canonical stage 2 as it has become.
    bool has_untracked() const { return any_untracked_; }
    struct Untracked {
        unsigned shadow = 0;
        arch::L2Ipa at{};
    };
    [[nodiscard]] bool drop_untracked(Untracked& progress, unsigned budget = stage2::kDefaultBudget);

    // ---- L1's TLB maintenance. mmu lock

    // How far an invalidation has come.
    struct Cursor {
        unsigned shadow = 0;
        u64 at = 0, end = 0;  // of what the shadow has to lose; end 0: not begun
    };
    // Drops what `scope` names, in all shadows together about as much as `budget` entries cost. False: there is more; call
    // again with the same cursor, the lock dropped in between. L1's instruction is complete when this says true.
    [[nodiscard]] bool invalidate(const ShadowTlbi& scope, Cursor& cursor, unsigned budget = stage2::kDefaultBudget,
                                  Reclaim reclaim = Reclaim::kNow);
    // invalidate() for tier 0: in one go. False: invalidate() has to start from the beginning, whatever was dropped.
    [[nodiscard]] bool invalidate_at_once(const ShadowTlbi& scope, unsigned budget);

    ShadowPool<Memory>& pool() { return pool_; }
    const MmuStats& stats() const { return stats_; }
    const Rmap& rmap() const { return rmap_; }

private:
    FaultOutcome install(Shadow& shadow, arch::L2Ipa ipa, arch::Ipa l1, const stage2::Leaf& canonical, const Composed& leaf,
                    stage2::TableCache& cache, Reclaim reclaim);
    [[nodiscard]] bool make_room(Shadow& shadow, arch::L2Ipa base, u64 bytes, u64 gfn, Reclaim reclaim);
    void drop_oldest(Reclaim reclaim);
    bool invalidate_shadow(Shadow& shadow, const ShadowTlbi& scope, Cursor& cursor, unsigned& budget, Reclaim reclaim);

    // Shadows of which something was dropped, to be settled before the lock is.
    struct Owing {
        Shadow* first = nullptr;
        void add(Shadow& s) {
            if (s.owes())
                return;
            s.next_owing = first;
            first = &s;
        }
        void settle() {
            for (; first; first = first->next_owing)
                first->settle();
        }
    };

    const Canonical& canonical_;
    TableFrames frames_;
    MmuStats stats_;
    Rmap rmap_;
    ShadowPool<Memory> pool_;
    bool any_untracked_ = false;  // some shadow may hold leaves that the reverse map does not know
};

}  // namespace nest::nested
