// SPDX-License-Identifier: GPL-2.0-only
// Waiting for those who still use what a change took away, and for nobody else.
#pragma once
#include <base/lock.hpp>

namespace nest::kvm {

// What readers find under some lock L they may go on using without L, and sleep as long as they like, in a section:
//
//   reader, L held for reading: at = enter(), finds the thing; L dropped; uses the thing; leave(at)
//   change, L held for writing: takes the thing away, gone = turn(); L dropped; wait(gone); frees the thing
//
// A reader that comes after turn() is in the other phase, so it neither has the thing nor holds the change up; the change
// waits in no lock that readers take. That is what distinguishes this from holding L for reading all along: there, a
// change that waits for one sleeping reader makes all that come later wait behind it.
// One change at a time, from its turn() to the end of its wait().
class Grace {
public:
    Grace() = default;
    // L held for reading. Does not wait: a change has only the other phase for itself.
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
