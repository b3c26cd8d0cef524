// SPDX-License-Identifier: GPL-2.0-only
// The switch behind each slip of tests/mutants/*.toml. tools/nestlab/mutants.py puts NEST_SLIP(n) into a copy of the
// sources and includes this header in front of every file, so that one build holds all slips, and one at most is made.
#pragma once

namespace nest::slips {

// The number of the slip that is made, from the environment's NEST_SLIP; -1: none.
extern const int chosen;
// Notes that slip `number` was reached, for the run that finds out which program can notice which slip.
void note(int number);

inline bool made(int number) {
    note(number);
    return chosen == number;
}

// The lock itself, or, for the slip that forgets a lock, one that nobody else knows.
template <typename Lock>
Lock& lock_or_none(bool forgotten, Lock& lock) {
    thread_local Lock nobodys;
    return forgotten ? nobodys : lock;
}

}  // namespace nest::slips

// What a compiler evaluates stays as it is: no slip is made in a constant.
#define NEST_SLIP(number) (!__builtin_is_constant_evaluated() && ::nest::slips::made(number))
