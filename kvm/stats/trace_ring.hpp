// SPDX-License-Identifier: GPL-2.0-only
// What a vCPU has to tell the tracer once it is out of the guest. Only the vCPU's own thread, or the holder of its mutex.
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
    // Time to come out and empty it.
    bool filling() const { return count_ > kCapacity - kSlack; }
    void push(const nest_trace_record& record) {
        if (count_ < kCapacity)
            records_[count_++] = record;
        else if (lost_++ == 0)
            first_lost_ = record.counter;
    }
    // tell(record) for each in its order, then how many had no room. `tell` may not push.
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
