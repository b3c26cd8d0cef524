// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/vm/vm_stage2.hpp>

#include <kvm/memory/shadows.hpp>
#include <kvm/vm/cpu_calls.hpp>
#include <kvm/vm/machine.hpp>

namespace nest::kvm {
namespace {

// The size of a piece: 8192 canonical leaves at most, and about as many in shadows. L1 may have mapped a frame of its memory at
// any number of L2's addresses: then a piece has fewer frames, but not fewer than a group of the reverse map.
constexpr u64 kPiece = u64{32} << 20, kLeastPiece = 64 * arch::kPageSize;
constexpr size_t kShadowLeaves = 8192;

}  // namespace

using arch::Ipa;
using arch::gfn_of;
using arch::ipa_of_gfn;
using nested::Cause;

// How many of the first `bytes` make one piece. leaves(n): the number of shadow leaves behind the first n bytes. mmu_lock held.
template <typename Leaves>
u64 VmStage2::piece(u64 bytes, Leaves leaves) const {
    bytes = bytes < kPiece ? bytes : kPiece;
    while (shadows_ && bytes > kLeastPiece && leaves(bytes) > kShadowLeaves)
        bytes = bytes / 2 & ~(arch::kPageSize - 1);
    return bytes;
}

// The lock is dropped between pieces, so that neither a vCPU's fault nor the scheduler waits for a whole slot. Each piece
// changes the canonical leaves and the shadows' under one hold of the lock: otherwise a shadow would keep a leaf of a canonical
// one that is gone. As few canonical blocks may have many shadow leaves, shadows limit a piece by their leaves, too.
template <typename Change, typename Follow>
void VmStage2::in_pieces(u64 start, u64 end, Change change, Follow follow) {
    NestedVncr::Dropping vncr(vncr_);
    Ipa at = ipa_of_gfn(start);
    const Ipa whole = ipa_of_gfn(end);
    bool untracked = false;
    while (at < whole) {
        {
            Guard guard(mmu_lock_);
            const Ipa stop = shadows_ ? at + piece(whole - at, [&](u64 bytes) {
                return shadows_->leaves(gfn_of(at), gfn_of(at + bytes));
            }) : whole;
            auto debt = change(at, stop);
            const Ipa reached = debt.resume() < stop ? debt.resume() : stop;
            tables_.complete(std::move(debt));
            vncr.frames(gfn_of(at), gfn_of(reached));
            if (shadows_) [[unlikely]] {
                follow(gfn_of(at), gfn_of(reached));
                untracked = shadows_->has_untracked();
            }
            at = reached;
        }
        nest_port_relax();
    }
    if (untracked)
        drop_untracked(true);
}

void VmStage2::drop_untracked(bool may_sleep) {
    Shadows::Untracked progress;
    for (bool done = false; !done;) {
        {
            Guard guard(mmu_lock_);
            done = shadows_->drop_untracked(progress);
        }
        if (may_sleep)
            nest_port_relax();
    }
}

void VmStage2::unmap_gfns(u64 start, u64 end) {
    in_pieces(start, end, [this](Ipa at, Ipa stop) { return locked().unmap(at, stop); },
              [this](u64 first, u64 last) { shadows_->unmap_gfns(first, last, Cause::kMemslot); });
    reap();
}

void VmStage2::write_protect_gfns(u64 start, u64 end) {
    in_pieces(start, end, [this](Ipa at, Ipa stop) { return locked().write_protect(at, stop); },
              [this](u64 first, u64 last) { shadows_->write_protect_gfns(first, last); });
}

// The tables for a chunk are allocated before the lock is taken: one for each 2 MiB and one for each 1 GiB. A chunk smaller
// than the smallest block, 2 MiB, counts as that. The lock is held for a few tables at a time, whatever the chunk's size.
void VmStage2::split_gfns(u64 start, u64 end, u64 chunk) {
    constexpr u64 kBlock = u64{1} << 21, kGiant = u64{1} << 30;
    const u64 step = chunk < kBlock ? kBlock : chunk;
    const unsigned tables = static_cast<unsigned>(step / kBlock + (step + kGiant - 1) / kGiant);
    Guard one(split_lock_);
    Ipa at = ipa_of_gfn(start);
    const Ipa stop = ipa_of_gfn(end);
    while (at < stop) {
        if (!split_cache_.top_up(tables).ok())
            break;  // only a hint: write faults split what is left
        const Ipa chunk_end = at.align_down(step) + step;
        {
            Guard guard(mmu_lock_);
            at = locked().split(split_cache_, at, chunk_end < stop ? chunk_end : stop).next;
        }
        nest_port_relax();
    }
    split_cache_.drain();
}

// Cleans 2 MiB under one hold of the lock, as a fault does that maps a block: a guest can call this as often as it likes, and
// other vCPUs' faults and the VMM's notifiers wait for the lock.
void VmStage2::clean_all() {
    constexpr u64 kBytesAtOnce = u64{1} << 21;
    const auto ctr = stage2::CacheType::of(machine().stage2.ctr);
    Ipa at{};
    while (at < tables_.limit()) {
        {
            Guard guard(mmu_lock_);
            u64 bytes = 0;
            at = locked().for_each_leaf(at, tables_.limit(), [&](Ipa, const stage2::Leaf& leaf) {
                if (bytes >= kBytesAtOnce)
                    return true;
                if (leaf.attributes.type == stage2::MemoryType::Normal) {
                    stage2::clean_invalidate_to_poc(
                        cpu(), ctr, reinterpret_cast<u64>(nest_port_pa_to_va(leaf.pa.raw)), leaf.span());
                    bytes += leaf.span();
                }
                return false;
            });
        }
        nest_port_relax();
    }
}

void VmStage2::unmap_locked(Ipa start, Ipa end) {
    auto debt = locked().unmap(start, end);
    while (debt.resume() < end)
        debt.absorb(locked().unmap(debt.resume(), end));
    tables_.complete(std::move(debt));
}

// Calls visit(first, last) for the frames behind [start, end), under the lock, which is dropped between pieces when somebody
// waits for it. `begins`: the range counts as in progress from the first hold on. True: some shadow has untracked leaves.
template <typename Visit>
bool VmStage2::visit_backing(const Memslots& slots, arch::Hva start, arch::Hva end, bool begins, Visit visit) {
    arch::Hva at = start;
    bool untracked;
    do {
        Guard guard(mmu_lock_);
        if (begins && at == start)
            in_progress_.add(start, end);
        do {
            const arch::Hva from = slots.first_backed(at, end);
            at = from + piece(end - from, [&](u64 bytes) {
                size_t leaves = 0;
                slots.for_each_hva_range(from, from + bytes, [&](const Memslot&, u64 first, u64 last) {
                    leaves += shadows_->leaves(first, last);
                });
                return leaves;
            });
            slots.for_each_hva_range(from, at, [&](const Memslot&, u64 first, u64 last) { visit(first, last); });
        } while (at < end && !mmu_lock_.needbreak());
        untracked = shadows_ && shadows_->has_untracked();
    } while (at < end);
    return untracked;
}

// When this returns, no TLB may hold anything of the range. It does not sleep, but drops the lock when somebody waits for it.
// What others do meanwhile is harmless, as the range is in progress: a fault maps nothing of it, a slot that is removed is
// unmapped by its remover, and a slot that is made or moved here has nothing of the range mapped.
void VmStage2::notifier_start(const Memslots& slots, arch::Hva start, arch::Hva end) {
    NestedVncr::Dropping vncr(vncr_);
    const bool untracked = visit_backing(slots, start, end, true, [&](u64 first, u64 last) {
        unmap_locked(ipa_of_gfn(first), ipa_of_gfn(last));
        vncr.frames(first, last);
        if (shadows_) [[unlikely]]
            shadows_->unmap_gfns(first, last, Cause::kNotifier);
    });
    if (untracked)
        drop_untracked(false);
}

void VmStage2::notifier_end(const Memslots& slots, arch::Hva start, arch::Hva end) {
    Guard guard(mmu_lock_);
    if (slots.backed_by(start, end))
        advance_seq();
    in_progress_.remove(start, end);
}

bool VmStage2::notifier_age(const Memslots& slots, arch::Hva start, arch::Hva end, bool clear) {
    bool young = false;
    (void)visit_backing(slots, start, end, false, [&](u64 first, u64 last) {
        Ipa at = ipa_of_gfn(first);
        while (at < ipa_of_gfn(last) && (clear || !young)) {
            auto aged = locked().age(at, ipa_of_gfn(last), clear);
            young |= aged.young;
            at = aged.next;
            if (aged.young && !clear)
                break;
        }
        if (shadows_ && (clear || !young)) [[unlikely]]
            young |= shadows_->age_gfns(first, last, clear);
        young |= vncr_.uses(first, last);  // L2's accesses to such a page set no access flag: it counts as used
    });
    return young;
}

void VmStage2::reap() {
    mmu_lock_.lock();
    if (!tables_.reap_due()) {
        mmu_lock_.unlock();
        return;
    }
    stage2::TableChain chain = tables_.take_retired();
    mmu_lock_.unlock();
    // A vCPU in tier 0, on CPU B, may have begun a walk before the tables left the tree, and still read them; its interrupts
    // are off. Once B has taken an interrupt, that walk is over.
    call_all_cpus(CpuCall::kNothing);
    tables_.free_retired(std::move(chain));
}

// Both counters have the same value: each request is one broadcast TLBI, which is carried out at once.
void VmStage2::report(VmStats& stats) const {
    const u64 now = tables_.broadcasts();
    set_stat(stats.remote_tlb_flush_requests, now);
    set_stat(stats.remote_tlb_flush, now);
}

void VmStage2::destroy() { tables_.destroy(); }

}  // namespace nest::kvm
