// SPDX-License-Identifier: GPL-2.0-only
#include <vgic/regions.hpp>

namespace nest::vgic {

Status check_range(u64 base, u64 size, u64 limit) {
    if (base % kFrameSize || base + size < base)
        return Errno::kInval;
    if (base >= limit || base + size > limit)
        return Errno::k2Big;
    return kOk;
}

Status RedistributorRegions::add(u64 base, unsigned index, unsigned count, unsigned vcpus, u64 dist_base, u64 limit) {
    const unsigned n = size();
    RedistributorRegion region{.base = base, .count = count};
    const u64 bytes = region.size(vcpus);
    if (base + bytes < base)
        return Errno::kInval;
    if (n == 0 && index != 0)
        return Errno::kInval;
    if (n != 0) {
        // The legacy region is for ever the only one.
        if (!count)
            return regions_[n - 1].count ? Errno::kInval : Errno::kExist;
        if (!regions_[n - 1].count || index != n)
            return Errno::kInval;
    }
    if (!count && dist_base != ~u64{0} && base < dist_base + kFrameSize && dist_base < base + bytes)
        return Errno::kInval;
    if (overlap(base, bytes, vcpus))
        return Errno::kInval;
    NEST_TRY(check_range(base, bytes, limit));
    if (n == kMax)
        return Errno::kNoSpc;
    regions_[n] = region;
    count_.store_release(n + 1);
    return kOk;
}

unsigned RedistributorRegions::first_free() const {
    unsigned i = 0;
    while (i < size() && regions_[i].full())
        i++;
    return i;
}

bool RedistributorRegions::overlap(u64 base, u64 bytes, unsigned vcpus) const {
    for (unsigned i = 0; i < size(); i++)
        if (base + bytes > regions_[i].base && base < regions_[i].base + regions_[i].size(vcpus))
            return true;
    return false;
}

bool RedistributorRegions::sound(unsigned vcpus, u64 limit) const {
    for (unsigned i = 0; i < size(); i++)
        if (!check_range(regions_[i].base, regions_[i].size(vcpus), limit))
            return false;
    return true;
}

}  // namespace nest::vgic
