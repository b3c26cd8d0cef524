// SPDX-License-Identifier: GPL-2.0-only
// A VM's canonical stage 2, and the two parties that change it besides faults: memory slots and MMU notifiers. What
// they change goes from the shadows of a VM with virtual EL2 as well, under the same hold of the lock.
#pragma once
#include <kvm/canonical.hpp>
#include <kvm/memslots.hpp>
#include <kvm/nested_vncr.hpp>
#include <kvm/stats.hpp>
#include <stage2/stage2.hpp>

namespace nest::kvm {

class VmStage2 final : public StageTwoUser {
public:
    using Tables = CanonicalTables;

    // `vncr`: the VM's; what is mapped for its vCPUs' VNCR_EL2 follows, too.
    VmStage2(SpinLock& mmu_lock, stage2::VmidAllocator<Cpu>& vmids, NestedVncr& vncr)
        : mmu_lock_(mmu_lock), tables_(cpu(), vmids), vncr_(vncr) {}

    Status init(unsigned ipa_bits, const stage2::HostFeatures& features) { return tables_.init(ipa_bits, features); }
    // No vCPU runs any more. Sleeps.
    void destroy();
    // The VM's shadows follow from now on; nullptr: no more. mmu_lock held, or no one else left.
    void attach(Shadows* shadows) { shadows_ = shadows; }

    // StageTwoUser: take the mmu lock themselves.
    void unmap_gfns(u64 start, u64 end) override;
    void write_protect_gfns(u64 start, u64 end) override;
    void split_gfns(u64 start, u64 end) override;

    // Cleans to memory all that is mapped, for a guest that reaches it past the caches. Sleepable.
    void clean_all();

    // MMU notifiers. Any context that may spin; never sleep. Between start and end of a range no fault may map it:
    // a fault notes seq() before it asks for the page, and gives up when changed_since() says so under the lock.
    void notifier_start(const Memslots& slots, arch::Hva start, arch::Hva end);
    void notifier_end();
    bool notifier_age(const Memslots& slots, arch::Hva start, arch::Hva end, bool clear);
    u64 seq() const { return seq_.load_acquire(); }
    // mmu_lock held.
    bool changed_since(u64 seq) const { return in_progress_ != 0 || seq_.load_relaxed() != seq; }

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
    void unmap_locked(arch::Ipa start, arch::Ipa end);

    SpinLock& mmu_lock_;
    Tables tables_;
    NestedVncr& vncr_;
    Shadows* shadows_ = nullptr;  // mmu_lock
    Atomic<u64> seq_;
    u32 in_progress_ = 0;  // mmu_lock
    Mutex split_lock_;     // one eager split at a time uses split_cache_
    stage2::TableCache split_cache_;
};

}  // namespace nest::kvm
