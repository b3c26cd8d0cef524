// SPDX-License-Identifier: GPL-2.0-only
// ShadowMmu: L1's TLB maintenance.
//
// A shadow is L1's TLB: what L1 invalidates is unmapped here, and then leaves the hardware's TLBs under the shadow's own
// VMID (stage 2 by address, then all combined entries; stage2/invalidate.hpp). Between pieces the lock is dropped: L1 has
// changed its tables before its TLBI, so that what is mapped anew meanwhile is already right.
#pragma once
#include <nested/mmu/mmu.hpp>

namespace nest::nested {

// What a broadcast TLBI with its DSB costs, in table entries that could be looked at in that time. It counts in the budget, as
// L1 decides how many shadows a VMID has.
inline constexpr unsigned kFlushCost = 128;
constexpr void charge(unsigned& budget, unsigned cost) { budget -= cost < budget ? cost : budget; }

struct IpaSpan {
    u64 start = 0, end = 0;
};

// L1's leaf that holds `address`. A shadow may have it as many smaller leaves, of which any number is mapped. Its size is
// what the shadow leaf at `address` was tagged with, and no less than L1 promises (`promised_shift`: log2; 0: nothing). Where
// no leaf is mapped at that very address and L1 promises nothing, its size is the largest that this shadow has seen.
template <typename Memory>
IpaSpan leaf_of_l1(Shadow<Memory>& s, u64 address, unsigned promised_shift) {
    unsigned shift = promised_shift;
    const stage2::Leaf leaf = s.tables.walk(arch::L2Ipa(address).align_down(arch::kPageSize));
    if (leaf.valid) {
        const unsigned tagged = kLeafShifts[leaf.attributes.software & 15];
        shift = tagged > shift ? tagged : shift;
    } else if (!shift && s.leaf_shifts) {
        shift = 63u - static_cast<unsigned>(__builtin_clzll(s.leaf_shifts));
    }
    const u64 bytes = u64{1} << (shift ? shift : arch::kPageShift);
    const u64 start = address & ~(bytes - 1);
    return {start, start + bytes};
}

// The addresses of a shadow that a TLBI names. By IPA these are whole leaves of L1's: hardware forgets a leaf as soon as one of
// its addresses is named, and L1 may rely on that at both ends of a range.
template <typename Memory>
IpaSpan named_by(Shadow<Memory>& s, const ShadowTlbi& scope) {
    using What = ShadowTlbi::What;
    const u64 limit = s.tables.limit().raw;
    if (scope.what == What::kVmid || scope.what == What::kEverything)
        return {0, limit};
    // While L1 has stage 2 off, no leaf here stems from a table of L1's, so that a TLBI by IPA has nothing to invalidate.
    if (!s.key.on || scope.start >= limit)
        return {};
    IpaSpan span = leaf_of_l1(s, scope.start, scope.leaf_shift);
    if (scope.what == What::kIpaRange) {
        const u64 end = scope.bytes < limit - scope.start ? scope.start + scope.bytes : limit;
        const IpaSpan last = leaf_of_l1(s, end - 1, scope.leaf_shift);
        span.end = last.end > end ? last.end : end;
    }
    span.end = span.end < limit ? span.end : limit;
    return span;
}

// True: done with this shadow. The span is computed once, before anything of it is unmapped: afterwards no shadow leaf would
// be left to tell the size of L1's leaf.
template <typename Canonical, typename Memory>
bool ShadowMmu<Canonical, Memory>::invalidate_shadow(Shadow& s, const ShadowTlbi& scope, Cursor& cursor, unsigned& budget,
                                                Reclaim reclaim) {
    using What = ShadowTlbi::What;
    if (scope.what == What::kStage1) {
        s.tables.invalidate_stage1(scope.op, scope.operand);
        charge(budget, kFlushCost);
        return true;
    }
    const bool from_its_start = !cursor.end;
    if (from_its_start) {
        const IpaSpan span = named_by(s, scope);
        cursor.at = span.start;
        cursor.end = span.end;
    }
    if (cursor.at < cursor.end)
        cursor.at = s.unmap(arch::L2Ipa(cursor.at), arch::L2Ipa(cursor.end), budget).raw;
    const bool dropped = s.settle(reclaim);
    stats_[Cause::kTlbi] += dropped;
    if (dropped)
        charge(budget, kFlushCost);
    if (cursor.at < cursor.end)
        return false;
    if (scope.what == What::kVmid || scope.what == What::kEverything) {
        if (from_its_start)  // in one piece: else something may have been mapped behind the cursor
            s.emptied();
        // Stage-1 entries go too, whether or not something of stage 2 was there.
        if (!dropped) {
            s.tables.invalidate_all();
            charge(budget, kFlushCost);
        }
    }
    return true;
}

template <typename Canonical, typename Memory>
bool ShadowMmu<Canonical, Memory>::invalidate(const ShadowTlbi& scope, Cursor& cursor, unsigned budget, Reclaim reclaim) {
    // The array, not the hash: its order does not change while the lock is dropped.
    for (; cursor.shadow < pool_.count(); cursor = {cursor.shadow + 1}) {
        Shadow& s = pool_[static_cast<u16>(cursor.shadow)];
        if (!s.in_hash || (scope.what != ShadowTlbi::What::kEverything && s.key.vmid != scope.vmid))
            continue;
        if (!budget || !invalidate_shadow(s, scope, cursor, budget, reclaim))
            return false;
    }
    return true;
}

template <typename Canonical, typename Memory>
bool ShadowMmu<Canonical, Memory>::invalidate_at_once(const ShadowTlbi& scope, unsigned budget) {
    Cursor cursor;
    if (scope.what == ShadowTlbi::What::kEverything)
        return invalidate(scope, cursor, budget, Reclaim::kLater);
    bool done = true;
    pool_.for_each_of_vmid(scope.vmid, [&](Shadow& s) {
        cursor = {};
        done = done && budget && invalidate_shadow(s, scope, cursor, budget, Reclaim::kLater);
    });
    return done;
}

}  // namespace nest::nested
