// SPDX-License-Identifier: GPL-2.0-only
// What has to leave the TLBs of one VMID: a hull of addresses, or everything.
#pragma once
#include <stage2/geometry.hpp>

namespace nest::stage2 {

inline constexpr unsigned kAnyLevel = 0;  // leaves lie at levels 1 to 3

class Invalidation {
public:
    constexpr Invalidation() = default;
    // `bytes` from `start` in the input address space. A `level` other than kAnyLevel promises that only leaves of that
    // level changed, no table entry.
    constexpr Invalidation(u64 start, u64 bytes, unsigned level) { add(start, bytes, level); }
    static constexpr Invalidation all() {
        Invalidation i;
        i.everything_ = true;
        return i;
    }

    constexpr void add(u64 start, u64 bytes, unsigned level) {
        level_ = empty() || level_ == level ? level : kAnyLevel;
        start_ = start < start_ ? start : start_;
        end_ = start + bytes > end_ ? start + bytes : end_;
    }
    // An entry that pointed to a table without leaves was removed. A TLBI without a level of any one address below that
    // entry drops what walk caches hold of it.
    constexpr void add_empty_table(u64 base, u64 bytes) {
        if (!empty() && start_ < base + bytes && base < end_)
            level_ = kAnyLevel;
        else
            add(base, arch::kPageSize, kAnyLevel);
    }
    constexpr void add(const Invalidation& other) {
        if (other.everything_)
            everything_ = true;
        else if (!other.empty())
            add(other.start_, other.end_ - other.start_, other.level_);
    }

    constexpr bool empty() const { return !everything_ && start_ >= end_; }
    constexpr bool everything() const { return everything_; }
    constexpr u64 start() const { return start_; }
    constexpr u64 bytes() const { return end_ - start_; }
    constexpr unsigned level() const { return level_; }
    // A TLBI by address every stride() bytes reaches each entry.
    constexpr u64 stride() const { return level_ == kAnyLevel ? arch::kPageSize : span_of_level(level_); }

private:
    u64 start_ = ~u64{0};
    u64 end_ = 0;
    unsigned level_ = kAnyLevel;
    bool everything_ = false;
};

}  // namespace nest::stage2
