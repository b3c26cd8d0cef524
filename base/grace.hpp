// SPDX-License-Identifier: GPL-2.0-only
// Grace: a change that takes a thing away waits for the readers that still use the thing, and for no others.
#pragma once
#include <base/lock.hpp>

namespace nest::kvm {

// A reader finds a thing under some lock L, and may go on using it without L, sleeping as long as it likes:
//
//   reader, L held for reading: at = enter(), finds the thing; L dropped; uses the thing; leave(at)
//   change, L held for writing: takes the thing away, gone = turn(); L dropped; wait(gone); frees the thing
//
// A reader that comes after turn() is in the other phase: it cannot have the thing, and does not hold the change up. If
// readers held L all along instead: reader A sleeps with L, the change waits for L as a writer, and every later reader
// waits behind the change. One change at a time, from its turn() to the end of its wait().
class Grace {
public:
    Grace() = default;
    // L held for reading. Does not wait: a change that is waiting has the other phase's lock.
    unsigned enter() {
        const unsigned phase = current_;
        phases_[phase].read_lock();
        return phase;
    }
    void leave(unsigned phase) { phases_[phase].read_unlock(); }

    // L held for writing.
    unsigned turn() {
        const unsigned gone = current_;
        current_ = !gone;
        return gone;
    }
    // L not held. Sleeps until everyone has left who entered before the turn().
    void wait(unsigned gone) {
        phases_[gone].write_lock();
        phases_[gone].write_unlock();
    }

private:
    RwSemaphore phases_[2]{RwSemaphore(NEST_LOCK_SLOTS_GRACE), RwSemaphore(NEST_LOCK_SLOTS_GRACE)};
    unsigned current_ = 0;  // L
};

}  // namespace nest::kvm
