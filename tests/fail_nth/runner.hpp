// SPDX-License-Identifier: GPL-2.0-only
// Runs a step in a process and a memory cgroup of its own, and judges it.
#pragma once

#include "step.hpp"

namespace nest::fail_nth {

struct Faults {
    unsigned stride = 1;    // S: only the first fault, the (1 + S)-th, … are tried
    unsigned times = 1;     // how often each, so that even a page that stays behind adds up to what MemoryGroup notices
};

// A line PASS or FAIL. False: it failed.
bool run_step(const Step& step, const Faults& faults);

}  // namespace nest::fail_nth
