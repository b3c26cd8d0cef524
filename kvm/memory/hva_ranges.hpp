// SPDX-License-Identifier: GPL-2.0-only
// Ranges of the VMM's address space that its kernel is changing at the moment.
#pragma once
#include <arch/address.hpp>

namespace nest::kvm {

// A multiset of half-open ranges that allocates nothing. Many threads may be changing the VMM's address space at once: ranges
// beyond kRoom share one, their hull, until the last of these is removed. No locking of its own.
class HvaRanges {
public:
    static constexpr unsigned kRoom = 16;

    void add(arch::Hva start, arch::Hva end) {
        if (count_ < kRoom) {
            ranges_[count_++] = {start, end};
            return;
        }
        if (!shared_++) {
            hull_ = {start, end};
            return;
        }
        hull_.start = start < hull_.start ? start : hull_.start;
        hull_.end = end > hull_.end ? end : hull_.end;
    }
    // Removes one range that was added with the same bounds.
    void remove(arch::Hva start, arch::Hva end) {
        for (unsigned i = 0; i < count_; i++)
            if (ranges_[i].start == start && ranges_[i].end == end) {
                ranges_[i] = ranges_[--count_];
                return;
            }
        if (shared_)
            shared_--;
    }
    // Does any range, or the hull, share a byte with [start, end)?
    bool overlap(arch::Hva start, arch::Hva end) const {
        for (unsigned i = 0; i < count_; i++)
            if (ranges_[i].start < end && start < ranges_[i].end)
                return true;
        return shared_ && hull_.start < end && start < hull_.end;
    }

private:
    struct Range {
        arch::Hva start, end;
    };
    Range ranges_[kRoom]{};
    unsigned count_ = 0;
    Range hull_{};  // of those that found no room
    unsigned shared_ = 0;
};

}  // namespace nest::kvm
