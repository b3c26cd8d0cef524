// SPDX-License-Identifier: GPL-2.0-only
// Where the redistributors' frames are: up to 256 regions, filled in the order of their index.
#pragma once
#include <base/atomic.hpp>
#include <base/result.hpp>
#include <vgic/intid.hpp>

namespace nest::vgic {

inline constexpr u64 kFrameSize = 0x10000;
inline constexpr u64 kRedistributorSize = 2 * kFrameSize;  // RD_base and SGI_base

// EINVAL: misaligned or wrapping; E2BIG: beyond the limit.
Status check_range(u64 base, u64 size, u64 limit);

struct RedistributorRegion {
    u64 base = 0;
    unsigned count = 0;  // 0: legacy, as many as there are vCPUs
    unsigned used = 0;   // slots taken
    unsigned first = 0;  // how many redistributors had been placed before this region's first

    bool full() const { return count && used >= count; }
    // For `vcpus` vCPUs, in bytes.
    u64 size(unsigned vcpus) const { return u64{count ? count : vcpus} * kRedistributorSize; }
};

// Changes under the distributor's config mutex. Readers without a lock see only whole regions.
class RedistributorRegions {
public:
    static constexpr unsigned kMax = 256;

    // EINVAL, EEXIST, E2BIG, ENOSPC: see Distributor::add_region(). dist_base ~0: not set.
    Status add(u64 base, unsigned index, unsigned count, unsigned vcpus, u64 dist_base, u64 limit);
    void remove_last() { count_.store_release(size() - 1); }
    void remove_all() { count_.store_release(0); }

    unsigned size() const { return count_.load_acquire(); }
    RedistributorRegion& operator[](unsigned i) { return regions_[i]; }
    const RedistributorRegion& operator[](unsigned i) const { return regions_[i]; }
    // The first one with a free slot, or size().
    unsigned first_free() const;
    bool overlap(u64 base, u64 size, unsigned vcpus) const;
    // Are all regions aligned and below the limit, with that many vCPUs?
    bool sound(unsigned vcpus, u64 limit) const;

private:
    RedistributorRegion regions_[kMax];
    Atomic<unsigned> count_;
};

}  // namespace nest::vgic
