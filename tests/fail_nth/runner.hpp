// SPDX-License-Identifier: GPL-2.0-only
// Runs a step in a process and a memory cgroup of its own, and judges it.
#pragma once

#include "step.hpp"

namespace nest::fail_nth {

// A line PASS or FAIL. With a stride of S only the first fault, the (1 + S)-th, … are tried. False: it failed.
bool run_step(const Step& step, unsigned stride);

}  // namespace nest::fail_nth
