// SPDX-License-Identifier: GPL-2.0-only
// EntryReader: one entry of a table in guest memory after the other, many at a time.
#pragma once
#include <vgic/callbacks.hpp>

namespace nest::vgic {

class EntryReader {
public:
    explicit EntryReader(Callbacks& memory) : memory_(memory) {}

    // `left`: so many entries, this one included, belong to the table. EFAULT: the entry is not in memory.
    Result<u64> read(u64 address, u32 left) {
        if (address - start_ >= count_ * sizeof(u64))
            NEST_TRY(fill(address, left));
        return entries_[(address - start_) / sizeof(u64)];
    }

private:
    static constexpr u32 kMost = 32;

    // The table may end in the middle of nowhere, and its last entry before.
    Status fill(u64 address, u32 left) {
        start_ = address;
        count_ = left < kMost ? left : kMost;
        if (memory_.read_guest(address, entries_, count_ * sizeof(u64)).ok())
            return kOk;
        count_ = 1;
        const Status status = memory_.read_guest(address, entries_, sizeof(u64));
        if (!status.ok())
            count_ = 0;
        return status;
    }

    Callbacks& memory_;
    u64 start_ = 0;
    u32 count_ = 0;
    u64 entries_[kMost];
};

}  // namespace nest::vgic
