// SPDX-License-Identifier: GPL-2.0-only
// Table: operations on one leaf. Break-before-make is [DDI0487] D8.16.1. Included by stage2/table.hpp.
#pragma once
#include <stage2/table.hpp>

namespace nest::stage2 {

template <typename Policy>
[[gnu::always_inline]] inline Status Table<Policy>::check(Address ipa, arch::Pa pa, unsigned level,
                                                          const Attributes& a) const {
    if (level < kFirstBlockLevel || level < geometry_.start_level)
        return Errno::kInval;
    u64 bytes = span_of_level(level);
    if (!ipa.aligned(bytes) || !pa.aligned(bytes) || ipa >= limit() || a.software > 15)
        return Errno::kInval;
    // The guest may fetch speculatively from what is executable: never from a device ([DDI0487] B2.10.2).
    if (a.prot.x && a.type != MemoryType::Normal)
        return Errno::kInval;
    return pa.raw >= geometry_.pa_limit() ? Status(Errno::kRange) : kOk;
}

template <typename Policy>
template <bool kReplace>
Status Table<Policy>::put(Address ipa, arch::Pa pa, unsigned block_shift, const Attributes& attributes) {
    NEST_BUG_ON(ledger_.open);  // the old translation may still be in a TLB
    unsigned target = level_of_shift(block_shift);
    NEST_TRY(check(ipa, pa, target, attributes));
    Pte now = format_.leaf(pa, target, attributes);
    u64* table = root_;
    unsigned level = geometry_.start_level;
    if (target == kLastLevel && recent_.region == region_of(ipa)) {
        table = recent_.table;
        level = kLastLevel;
    }
    for (; level < target; level++) {
        u64* slot = slot_of(table, ipa, level);
        Entry e{slot, Pte::of(policy_.load(slot)), level, ipa.align_down(span_of_level(level))};
        if (e.pte.is_leaf(level)) {
            if constexpr (!kReplace)
                return Errno::kExist;
            // A larger block that maps the same stays: another vCPU has had the same fault, and mapped the block first.
            Leaf here = decode(e, ipa);
            if (here.pa == pa && here.attributes == attributes) {
                change_live(e, e.pte);
                policy_.publish();
                return kOk;
            }
            if (!split_entry(e))
                return Errno::kAgain;
        } else if (!e.pte.valid()) {
            void* fresh = policy_.alloc_table();
            if (!fresh)
                return Errno::kAgain;  // tables linked so far stay, and the next attempt finds them
            policy_.store(slot, PteFormat::table(policy_.pa(fresh)).raw);
        }
        table = child(Pte::of(policy_.load(slot)));
    }
    if (target == kLastLevel)
        remember(ipa, table);
    u64* slot = slot_of(table, ipa, target);
    const Entry e{slot, Pte::of(policy_.load(slot)), target, ipa};
    if constexpr (kReplace) {
        set_leaf(e, now);
    } else {
        if (e.pte.valid())
            return Errno::kExist;
        fill(e, now);
    }
    policy_.publish();
    return kOk;
}

// Writes a leaf over whatever the entry is. On return hardware may use the leaf; the caller publishes.
template <typename Policy>
void Table<Policy>::set_leaf(Entry e, Pte now) {
    if (e.pte.is_leaf(e.level) && !((e.pte.raw ^ now.raw) & ~Pte::kLiveMask)) {
        change_live(e, now);
        return;
    }
    if (e.pte.is_table(e.level)) {
        // The block replaces a table, whose leaves TLBs may hold at any level below.
        forget_recent();
        break_entry(e, kAnyLevel);
        TableChain chain;
        collect(child(e.pte), e.level + 1, e.base, chain);
        ledger_.retired.append(policy_, std::move(chain));
    } else if (e.pte.valid()) {
        break_entry(e, e.level);
        note(e.base, e.level, e.pte, Pte{});
    }
    fill(e, now);
}

// For an entry that is invalid, or has just become so by break_entry().
template <typename Policy>
void Table<Policy>::fill(const Entry& e, Pte now) {
    prepare_memory(now, e.level, true, now.executable());
    policy_.store(e.slot, now.raw);
    note(e.base, e.level, Pte{}, now);
}

// Same output and memory type: only permissions, the access flag or software bits differ. So no break-before-make, but a TLBI:
// * less is allowed: on all CPUs, before the caller relies on the permission being gone;
// * more, or the same: TLBs may hold the permissions that faulted ([DDI0487] D8.13.2). On this CPU only: another CPU with the
//   old permissions in its TLB faults once more and comes here itself. ("The same": another vCPU had the same fault before.)
template <typename Policy>
void Table<Policy>::change_live(Entry e, Pte now) {
    constexpr u64 kReplaced = Pte::kLiveMask & ~Pte::AF::kMask;
    prepare_memory(now, e.level, false, now.executable() && relaxes(e.pte, now));
    Pte old = update(e.slot, kReplaced & ~now.raw, (kReplaced & now.raw) | Pte::AF::kMask);
    if (reduces(old, now))
        policy_.invalidate(Invalidation(e.base.raw, e.span(), e.level));
    else
        policy_.invalidate_local(e.base.raw, e.level);
}

// To be called before the guest can reach the memory of `now`: DRAM must hold what the host wrote, and instruction caches no
// instructions of an earlier owner.
template <typename Policy>
void Table<Policy>::prepare_memory(Pte now, unsigned level, bool new_memory, bool newly_executable) {
    if (new_memory && now.get<Pte::MemAttr>() == format_.memattr(MemoryType::Normal))
        policy_.clean_dcache(now.output(), span_of_level(level));
    if (newly_executable)
        policy_.invalidate_icache(now.output(), span_of_level(level));
}

// Break: afterwards neither table nor TLB knows a translation for the entry's span.
template <typename Policy>
void Table<Policy>::break_entry(const Entry& e, unsigned level) {
    policy_.store(e.slot, 0);
    policy_.invalidate(Invalidation(e.base.raw, e.span(), level));
}

// A block becomes a table of the same translations. A guest that faults meanwhile waits for the mmu lock. False: the policy has
// no table left.
template <typename Policy>
bool Table<Policy>::split_entry(const Entry& e) {
    u64* fresh = static_cast<u64*>(policy_.alloc_table());
    if (!fresh)
        return false;
    break_entry(e, e.level);
    note(e.base, e.level, e.pte, Pte{});
    for (unsigned i = 0; i < kEntries; i++) {
        u64 offset = i * span_of_level(e.level + 1);
        Pte part = PteFormat::part_of_block(e.pte, offset, e.level + 1);
        policy_.store(fresh + i, part.raw);
        note(e.base + offset, e.level + 1, Pte{}, part);
    }
    policy_.store(e.slot, PteFormat::table(policy_.pa(fresh)).raw);
    return true;
}

// Read-modify-write of a live descriptor, whose access flag hardware may set at the same time. Returns the old descriptor.
template <typename Policy>
Pte Table<Policy>::update(u64* slot, u64 clear, u64 set) {
    for (;;) {
        u64 old = policy_.load(slot);
        u64 now = (old & ~clear) | set;
        if (now == old || policy_.compare_exchange(slot, old, now))
            return Pte::of(old);
    }
}

template <typename Policy>
void Table<Policy>::note([[maybe_unused]] Address base, [[maybe_unused]] unsigned level, [[maybe_unused]] Pte old,
                         [[maybe_unused]] Pte now) {
    if constexpr (Policy::kTracksLeaves)
        policy_.leaf_changed(base, level, old, now);
}

template <typename Policy>
Status Table<Policy>::relax(Address ipa, const Prot& add) {
    NEST_BUG_ON(ledger_.open);
    if (ipa >= limit())
        return Errno::kNoEnt;
    Entry e = find_leaf(ipa);
    if (!e.pte.is_leaf(e.level))
        return Errno::kNoEnt;
    Attributes a = format_.attributes(e.pte);
    if (add.x && a.type != MemoryType::Normal)
        return Errno::kInval;
    a.prot.r |= add.r;
    a.prot.w |= add.w;
    if (add.x) {
        a.prot.x_at = !a.prot.x || a.prot.x_at == add.x_at ? add.x_at : ExecAt::Both;
        a.prot.x = true;
    }
    change_live(e, format_.leaf(e.pte.output(), e.level, a));
    policy_.publish();
    return kOk;
}

template <typename Policy>
Status Table<Policy>::set_writable(Address ipa, unsigned max_shift) {
    if (ipa >= limit())
        return Errno::kNoEnt;
    Entry e = find_leaf(ipa);
    if (e.pte.is_leaf(e.level) && shift_of_level(e.level) > max_shift)
        return Errno::k2Big;
    return relax(ipa, {false, true, false});
}

template <typename Policy>
Status Table<Policy>::make_young(Address ipa) {
    if (ipa >= limit())
        return Errno::kNoEnt;
    Entry e = find_leaf(ipa);
    if (!e.pte.is_leaf(e.level))
        return Errno::kNoEnt;
    update(e.slot, 0, Pte::AF::kMask);  // no TLBI: an entry whose access flag is 0 is never cached (D8.5.1)
    policy_.publish();
    return kOk;
}

}  // namespace nest::stage2
