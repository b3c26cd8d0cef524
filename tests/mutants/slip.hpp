// SPDX-License-Identifier: GPL-2.0-only
// The switch behind each slip of tests/mutants/*.toml. tools/nestlab/tests/mutants.py puts NEST_SLIP(n) into a copy of the
// sources and includes this header in front of every file, so that one build holds all slips, and one at most is made.
#pragma once
#include <port/port.h>

namespace nest::slips {

inline constexpr int kMost = 10'000;
// The number of the slip that is made, from the environment's NEST_SLIP; -1: none.
extern const int chosen;
// For the run that finds out which program can notice which slip.
extern bool reached[kMost];

inline bool made(int number) {
    __atomic_store_n(&reached[number], true, __ATOMIC_RELAXED);
    return chosen == number;
}

// The lock itself, or, for the slip that forgets a lock, one that nobody else knows: of the class that is the innermost,
// so that no order is broken.
template <typename Lock>
Lock& lock_or_none(bool forgotten, Lock& lock) {
    thread_local Lock nobodys{NEST_LOCK_VMID};
    return forgotten ? nobodys : lock;
}

}  // namespace nest::slips

// What a compiler evaluates stays as it is: no slip is made in a constant.
#define NEST_SLIP(number) (!__builtin_is_constant_evaluated() && ::nest::slips::made(number))
