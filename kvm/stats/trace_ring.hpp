// SPDX-License-Identifier: GPL-2.0-only
// Trace records that a vCPU keeps until it is out of the guest, where they can be traced. Only for the vCPU's own thread, or
// the holder of its mutex.
#pragma once
#include <base/types.hpp>
#include <port/port.h>

namespace nest::kvm {

class TraceRing {
public:
    static constexpr unsigned kCapacity = 64;
    // One exit leaves at most this many records before the run loop empties the ring.
    static constexpr unsigned kSlack = 8;

    bool empty() const { return count_ == 0; }
    // The next exit's records may not fit: the vCPU has to leave the guest's context and drain the ring.
    bool filling() const { return count_ > kCapacity - kSlack; }
    void push(const nest_trace_record& record) {
        if (count_ < kCapacity)
            records_[count_++] = record;
        else if (lost_++ == 0)
            first_lost_ = record.counter;
    }
    // Calls tell(record) for each in order, and then, if records were lost, once with their number. `tell` may not push.
    template <typename Tell>
    void drain(Tell&& tell) {
        for (unsigned i = 0; i < count_; i++)
            tell(records_[i]);
        count_ = 0;
        if (lost_ == 0)
            return;
        tell(nest_trace_record{first_lost_, 0, {lost_, 0, 0}, NEST_TRACE_LOST, 0, 0});
        lost_ = 0;
    }

private:
    nest_trace_record records_[kCapacity] = {};
    unsigned count_ = 0;
    u64 lost_ = 0;
    u64 first_lost_ = 0;
};

}  // namespace nest::kvm
