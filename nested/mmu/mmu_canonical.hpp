// SPDX-License-Identifier: GPL-2.0-only
// ShadowMmu: what the canonical stage 2 does to the shadows.
#pragma once
#include <nested/mmu/mmu.hpp>

namespace nest::nested {

template <typename Canonical, typename Memory>
bool ShadowMmu<Canonical, Memory>::drop_untracked(Untracked& progress, unsigned budget) {
    for (; any_untracked_ && progress.shadow < pool_.count(); progress = {progress.shadow + 1}) {
        Shadow& s = pool_[static_cast<u16>(progress.shadow)];
        if (!s.untracked())
            continue;
        progress.at = s.unmap(progress.at, s.tables.limit(), budget);
        s.settle();
        if (progress.at < s.tables.limit())
            return false;
        stats_.overflows++;
        progress = {progress.shadow + 1};
        return false;  // one at a time: each has its own invalidation
    }
    any_untracked_ = false;
    pool_.for_each([this](Shadow& s) { any_untracked_ |= s.untracked(); });
    return true;
}

template <typename Canonical, typename Memory>
void ShadowMmu<Canonical, Memory>::unmap_gfns(u64 start, u64 end, Cause cause) {
    Owing owing;
    frames_.forget(start, end);
    rmap_.for_each(start, end, [&](const Rmap::Leaf& leaf) {
        Shadow& s = pool_[leaf.shadow];
        const arch::L2Ipa stop = leaf.at + stage2::span_of_level(leaf.level);
        owing.add(s);
        const arch::L2Ipa reached = s.unmap(leaf.at, stop);
        NEST_BUG_ON(reached < stop);
        stats_[cause]++;
    });
    owing.settle();
}

template <typename Canonical, typename Memory>
void ShadowMmu<Canonical, Memory>::write_protect_gfns(u64 start, u64 end) {
    Owing owing;
    rmap_.for_each(start, end, [&](const Rmap::Leaf& leaf) {
        Shadow& s = pool_[leaf.shadow];
        owing.add(s);
        s.owe(s.tables.write_protect(leaf.at, leaf.at + stage2::span_of_level(leaf.level)));
        stats_[Cause::kDirtyLog]++;
    });
    owing.settle();
}

template <typename Canonical, typename Memory>
bool ShadowMmu<Canonical, Memory>::age_gfns(u64 start, u64 end, bool clear) {
    bool young = false;
    auto age = [&](Shadow& s, arch::L2Ipa at, arch::L2Ipa stop) {
        while (at < stop && (clear || !young)) {
            const auto aged = s.tables.age(at, stop, clear);
            young |= aged.young;
            at = aged.next;
        }
    };
    rmap_.for_each(start, end, [&](const Rmap::Leaf& leaf) {
        age(pool_[leaf.shadow], leaf.at, leaf.at + stage2::span_of_level(leaf.level));
    });
    return young;
}

}  // namespace nest::nested
