// SPDX-License-Identifier: GPL-2.0-only
// A VM's canonical stage 2, as the shadow MMU looks at it: from L1's physical addresses to memory.
#pragma once
#include <base/lock.hpp>
#include <stage2/stage2.hpp>

namespace nest::nested {
template <typename Canonical, typename Memory>
class ShadowMmu;
template <typename Memory>
class Shadow;
}

namespace nest::kvm {

using CanonicalTables = stage2::Stage2<arch::Ipa>;

// In a canonical leaf's software bits: memory without struct pages, which the kernel's linear map does not hold.
inline constexpr u8 kOutsideLinearMap = 1;

// For ShadowMmu and LinearMemory. All functions: the mmu lock held.
class Canonical {
public:
    Canonical(const CanonicalTables& tables, const SpinLock& mmu_lock) : tables_(tables), mmu_lock_(mmu_lock) {}
    stage2::Leaf walk(arch::Ipa ipa) const {
        mmu_lock_.assert_held();
        return tables_.walk_locked(ipa);
    }
    arch::Ipa limit() const { return tables_.limit(); }
    static bool in_linear_map(const stage2::Leaf& leaf) { return !(leaf.attributes.software & kOutsideLinearMap); }

private:
    const CanonicalTables& tables_;
    const SpinLock& mmu_lock_;
};

using ShadowMemory = stage2::KernelPolicy<arch::L2Ipa>;
using Shadow = nested::Shadow<ShadowMemory>;
using Shadows = nested::ShadowMmu<Canonical, ShadowMemory>;

}  // namespace nest::kvm
