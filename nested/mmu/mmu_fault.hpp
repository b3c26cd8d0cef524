// SPDX-License-Identifier: GPL-2.0-only
// ShadowMmu: faults.
#pragma once
#include <nested/mmu/mmu.hpp>

namespace nest::nested {

namespace detail {
inline Resolution forward(u8 fsc) {
    Resolution r;
    r.outcome = FaultOutcome::kForward;
    r.fsc = fsc;
    return r;
}
inline Resolution fault_in(arch::Ipa at, bool write, bool exec, bool permission) {
    Resolution r;
    r.outcome = FaultOutcome::kFaultIn;
    r.canonical = at;
    r.write = write;
    r.exec = exec;
    r.permission = permission;
    return r;
}
}  // namespace detail

template <typename Canonical, typename Memory>
Resolution ShadowMmu<Canonical, Memory>::resolve(Shadow& shadow, const Stage2Regime* regime, const L2Fault& f,
                                            stage2::TableCache& cache, Reclaim reclaim) {
    using namespace detail;
    Stage2Result l1 = translate(regime, f.ipa.raw, f.write);
    switch (l1.status) {
    case WalkStatus::kAgain:
        return {};
    case WalkStatus::kFault:
        stats_.forwarded++;
        return forward(l1.fsc);
    case WalkStatus::kAbsent: {
        stats_.faulted_in += reclaim == Reclaim::kNow;  // tier 0 only finds out; tier 1 asks again, and does it
        Resolution r = fault_in(l1.absent, l1.absent_write, false, l1.absent_write && canonical_.walk(l1.absent).valid);
        r.of_table = true;
        r.fsc = l1.fsc;
        return r;
    }
    case WalkStatus::kTranslated:
        break;
    }
    if (regime && (l1_forbids(l1, f) || f.ipa >= shadow.tables.limit())) {
        stats_.forwarded++;
        return forward(l1_forbids(l1, f) ? fsc_of(arch::kFscPermission, l1.level) : fsc_of(arch::kFscTranslation, 0));
    }
    // Without HCR_EL2.PTW a walk of Device memory is one of Normal Non-cacheable memory ([DDI0487] D24.2.58). Hardware's
    // PTW is always set, for the sake of the machine's devices: it would stop the walk at a Device leaf again and again.
    if (f.on_walk && l1.attributes.type == stage2::MemoryType::Device_nGnRE) {
        l1.attributes.type = stage2::MemoryType::NormalNC;
        l1.attributes.prot.x = false;
    }
    const bool reachable = l1.output < canonical_.limit() && f.ipa < shadow.tables.limit();
    const stage2::Leaf canonical = reachable ? canonical_.walk(l1.output) : stage2::Leaf{};
    const stage2::Prot& allowed = canonical.attributes.prot;
    // L2's stage-1 walks must not read a device of the machine: fault_in() (kvm/fault/) is asked for it, and refuses.
    const bool walks_device = f.on_walk && canonical.attributes.type == stage2::MemoryType::Device_nGnRE;
    if (!canonical.valid || !allowed.r || (f.write && !allowed.w) || (f.exec && !allowed.x) || walks_device) {
        stats_.faulted_in += reclaim == Reclaim::kNow;
        return fault_in(l1.output, f.write, f.exec, canonical.valid);
    }
    // A fetch that comes this far is allowed by L1's leaf and by the canonical one, and so by the composed one: what is
    // executable in the canonical stage 2 is Write-Back, and compose() keeps executable memory Write-Back.
    Composed leaf = compose(l1, canonical, tag_of_shift(l1.shift), shadow.tables.fwb());
    while (stage2::level_of_shift(leaf.shift) < shadow.tables.geometry().start_level)
        leaf.shift -= stage2::kBitsPerLevel;
    Resolution r;
    r.outcome = install(shadow, f.ipa, l1.output, canonical, leaf, cache, reclaim);
    if (r.outcome == FaultOutcome::kResolved) {
        shadow.leaf_shifts |= u64{1} << l1.shift;  // bit 0, which says nothing: L1 has stage 2 off
        stats_.mapped++;
    }
    return r;
}

// Unmaps what stands in the place of a new leaf: a larger leaf, or a leaf of another canonical frame (two frames may be the
// same memory, and then the table would see no difference), or smaller leaves. So no leaf is ever split, and each leaf has
// its own node in the reverse map. L1 had to invalidate smaller leaves before it mapped a block in their place; if it has
// not, up to a quarter of a million may lie here. False: there are more, and the caller tries again from the beginning.
template <typename Canonical, typename Memory>
bool ShadowMmu<Canonical, Memory>::make_room(Shadow& shadow, arch::L2Ipa base, u64 bytes, u64 gfn, Reclaim reclaim) {
    const stage2::Leaf old = shadow.tables.walk(base);
    if (old.valid && old.span() == bytes && rmap_.find(shadow.index, base, old.level) == gfn)
        return true;
    const arch::L2Ipa reached = shadow.unmap(base, base + bytes);
    shadow.settle(reclaim);
    stats_[Cause::kRemap]++;
    return reached >= base + bytes;
}

// L1 has mapped the same few frames too often: a group of the reverse map is crowded.
template <typename Canonical, typename Memory>
void ShadowMmu<Canonical, Memory>::drop_oldest(Reclaim reclaim) {
    const Rmap::Leaf leaf = rmap_.oldest();
    Shadow& s = pool_[leaf.shadow];
    const arch::L2Ipa stop = leaf.at + stage2::span_of_level(leaf.level);
    const arch::L2Ipa reached = s.unmap(leaf.at, stop);
    NEST_BUG_ON(reached < stop || rmap_.crowded());
    s.settle(reclaim);
    stats_[Cause::kRemap]++;
}

template <typename Canonical, typename Memory>
FaultOutcome ShadowMmu<Canonical, Memory>::install(Shadow& shadow, arch::L2Ipa ipa, arch::Ipa l1,
                                              const stage2::Leaf& canonical,
                                         const Composed& leaf, stage2::TableCache& cache, Reclaim reclaim) {
    const u64 bytes = u64{1} << leaf.shift;
    const arch::L2Ipa base = ipa.align_down(bytes);
    const u64 gfn = l1.align_down(bytes).frame();
    if (!rmap_.has_node() && rmap_.may_grow()) {
        void* page = cache.alloc();
        if (!page)
            return FaultOutcome::kNeedTables;
        rmap_.add_page(page);
    }
    const bool was_untracked = shadow.untracked();
    shadow.tables.policy().set_next_frame(gfn);
    const arch::Pa pa = canonical.pa.align_down(bytes);
    Status mapped = shadow.tables.map_new(cache, base, pa, leaf.shift, leaf.attributes);
    if (mapped.error() == Errno::kExist) [[unlikely]] {
        if (!make_room(shadow, base, bytes, gfn, reclaim))
            return FaultOutcome::kNeedTables;
        mapped = shadow.tables.map(cache, base, pa, leaf.shift, leaf.attributes);
        // The block has replaced a table, which nobody else walks, so that it can be freed at once.
        if (reclaim == Reclaim::kNow)
            shadow.free_retired();
    }
    if (shadow.untracked() && !was_untracked)
        stats_.untracked++;
    any_untracked_ |= shadow.untracked();
    if (rmap_.crowded()) [[unlikely]]
        drop_oldest(reclaim);
    if (mapped.ok())
        return FaultOutcome::kResolved;
    return mapped.error() == Errno::kAgain ? FaultOutcome::kNeedTables : FaultOutcome::kGaveUp;
}

}  // namespace nest::nested
