// SPDX-License-Identifier: GPL-2.0-only
// ShadowMmu: L1's TLB maintenance. Included by nested/mmu.hpp.
//
// A shadow is L1's TLB: what L1 invalidates is unmapped here, and then leaves the hardware's TLBs under the shadow's own
// VMID (stage 2 by address, then all combined entries; stage2/invalidate.hpp). Between pieces the lock is dropped: L1 has
// changed its tables before its TLBI, so that what is mapped anew meanwhile is already right.
#pragma once
#include <nested/mmu.hpp>

namespace nest::nested {

// `tables`: those under whose VMID it acts. TGE may be set: they see to that.
template <typename Tables>
void execute_stage1(Tables& tables, arch::Tlbi op, u64 operand) {
    using enum arch::Tlbi;
    switch (op) {
    case VAE1IS: return tables.template invalidate_stage1<VAE1IS>(operand);
    case ASIDE1IS: return tables.template invalidate_stage1<ASIDE1IS>(operand);
    case VAAE1IS: return tables.template invalidate_stage1<VAAE1IS>(operand);
    case VALE1IS: return tables.template invalidate_stage1<VALE1IS>(operand);
    case VAALE1IS: return tables.template invalidate_stage1<VAALE1IS>(operand);
    case RVAE1IS: return tables.template invalidate_stage1<RVAE1IS>(operand);
    case RVAAE1IS: return tables.template invalidate_stage1<RVAAE1IS>(operand);
    case RVALE1IS: return tables.template invalidate_stage1<RVALE1IS>(operand);
    case RVAALE1IS: return tables.template invalidate_stage1<RVAALE1IS>(operand);
    default: return tables.template invalidate_stage1<VMALLE1IS>(0);
    }
}

// One leaf of L1's may lie here as many smaller ones, of which any number is mapped. Its size is what its leaf here was
// tagged with, and no less than what L1 says; where nothing is mapped at that very address and L1 says nothing, the
// largest that this shadow has seen.
template <arch::Cpu C, typename Canonical>
ShadowTlbi ShadowMmu<C, Canonical>::leaf_as_range(Shadow& s, const ShadowTlbi& scope) {
    const arch::L2Ipa at = arch::L2Ipa(scope.start).align_down(arch::kPageSize);
    unsigned shift = scope.leaf_shift;
    const stage2::Leaf leaf = s.tables.walk(at);
    if (leaf.valid) {
        const unsigned tagged = kLeafShifts[leaf.attributes.software & 7];
        shift = tagged > shift ? tagged : shift;
    } else if (!shift && s.leaf_shifts) {
        shift = 63u - static_cast<unsigned>(__builtin_clzll(s.leaf_shifts));
    }
    shift = shift ? shift : arch::kPageShift;
    ShadowTlbi range = scope;
    range.what = ShadowTlbi::What::kIpaRange;
    range.bytes = u64{1} << shift;
    range.start = at.align_down(range.bytes).raw;
    return range;
}

// True: done with this shadow. The cursor is 0 or inside what `scope` names here.
template <arch::Cpu C, typename Canonical>
bool ShadowMmu<C, Canonical>::invalidate_shadow(Shadow& s, const ShadowTlbi& scope, Cursor& cursor, unsigned budget,
                                                Reclaim reclaim) {
    const u64 limit = s.tables.limit().raw;
    const bool whole = scope.what == ShadowTlbi::What::kVmid || scope.what == ShadowTlbi::What::kEverything;
    // Without stage 2 there is no IPA to invalidate: what is mapped are our own decisions.
    if (!whole && !s.key.on)
        return true;
    const u64 start = whole ? 0 : scope.start, bytes = whole ? limit : scope.bytes;
    if (start >= limit)
        return true;
    const u64 end = bytes < limit - start ? start + bytes : limit;
    const u64 from = cursor.at > start ? cursor.at : start;
    const u64 reached = from < end ? s.unmap(arch::L2Ipa(from), arch::L2Ipa(end), budget).raw : end;
    const bool dropped = s.settle(reclaim);
    stats_[Cause::kTlbi] += dropped;
    if (reached < end) {
        cursor.at = reached;
        return false;
    }
    if (whole) {
        if (from == 0)  // in one piece: else something may have been mapped behind the cursor
            s.emptied();
        // Stage-1 entries go too, whether or not something of stage 2 was there.
        if (!dropped)
            s.tables.invalidate_all();
    }
    return true;
}

template <arch::Cpu C, typename Canonical>
bool ShadowMmu<C, Canonical>::invalidate(const ShadowTlbi& scope, Cursor& cursor, unsigned budget, Reclaim reclaim) {
    using What = ShadowTlbi::What;
    if (scope.what == What::kStage1) {
        pool_.for_each_of_vmid(scope.vmid, [&](Shadow& s) { execute_stage1(s.tables, scope.op, scope.operand); });
        return true;
    }
    if (scope.what == What::kIpa) {
        // Without the cursor: a second attempt finds less of the leaf, takes no smaller size for it, and so gets further.
        bool done = true;
        pool_.for_each_of_vmid(scope.vmid, [&](Shadow& s) {
            Cursor piece;
            done &= invalidate_shadow(s, leaf_as_range(s, scope), piece, budget, reclaim);
        });
        return done;
    }
    // The array, not the hash: its order does not change while the lock is dropped.
    for (; cursor.shadow < pool_.count(); cursor = {cursor.shadow + 1, 0}) {
        Shadow& s = pool_[static_cast<u16>(cursor.shadow)];
        if (!s.in_hash || (scope.what != What::kEverything && s.key.vmid != scope.vmid))
            continue;
        if (!invalidate_shadow(s, scope, cursor, budget, reclaim))
            return false;
    }
    return true;
}

}  // namespace nest::nested
