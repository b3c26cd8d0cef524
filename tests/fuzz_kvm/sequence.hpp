// SPDX-License-Identifier: GPL-2.0-only
// A sequence of steps, as its seed says.
#pragma once

#include <vector>

#include "steps.hpp"

namespace nest::fuzz_kvm {

struct Action {
    unsigned thread;
    bool first;         // before the other threads start
    Step what;
    u64 seed;
};

struct Sequence {
    u64 seed;
    unsigned threads;
    bool closes;        // all of it at the end; otherwise the process's exit does
    u64 kill_after;     // microseconds; 0: it ends by itself
    std::vector<Action> actions;
};

Sequence make_sequence(u64 seed);

// Performs the actions whose numbers are in `kept`; ends the process, with 0 if every invariant held.
[[noreturn]] void run_sequence(const Sequence& sequence, const std::vector<size_t>& kept, Report& report, bool verbose);

}  // namespace nest::fuzz_kvm
