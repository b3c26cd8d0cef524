// SPDX-License-Identifier: GPL-2.0-only
// One operation measured in a VM of its own.
#pragma once

#include <string>
#include <vector>

#include "../protocol.hpp"
#include "stats.hpp"

namespace nest::bench {

struct Plan {
    Operation operation;
    const char* name;
    unsigned modes;         // kFlat | kVel2 | kL2
    unsigned vcpus;
    unsigned samples;
};
const std::vector<Plan>& plans();

struct Outcome {
    std::vector<u64> ticks;     // of CNTVCT_EL0, a sample each
    Counts exits;               // per sample, without those of the control run
};

// Throws std::runtime_error where something else happens than should. `mode`: one of the plan's.
Outcome measure(const guests::File& kvm, const Plan& plan, unsigned mode);

}  // namespace nest::bench
