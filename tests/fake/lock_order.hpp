// SPDX-License-Identifier: GPL-2.0-only
// The order of locks, by their class, as the kernel's lockdep watches it: whoever waits for a lock of one class while it
// holds one of another fixes their order for the whole process. Waiting against that order, or for a lock of a class of
// which the thread holds one, aborts, whether or not anybody stands in the way at that moment.
#pragma once
#include <port/port.h>

namespace nest::test {

// Before the calling thread waits for a lock of that class.
void check_lock_order(nest_lock_class kind);
// It has the lock, by waiting or by trying; and no more.
void lock_taken(const void* lock, nest_lock_class kind);
void lock_released(const void* lock);
// Does the calling thread have it?
bool lock_held(const void* lock);

}  // namespace nest::test
