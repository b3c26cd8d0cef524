// SPDX-License-Identifier: GPL-2.0-only
// The partition with Linux: its starts, and the few exits that it has.
#pragma once

#include "../layout.hpp"

namespace nest::partition {

struct LinuxExits {
    u64 calls;          // PSCI
    u64 distributor;    // accesses that go on to the device
    u64 others;         // accesses to what it does not own: read 0, written nowhere
};

enum class LinuxEnd { kOff, kReset, kLost };

// From a start to PSCI SYSTEM_OFF or SYSTEM_RESET, or to an exit that nothing explains (printed). Adds to `exits`. On vCPU 0.
LinuxEnd run_linux(LinuxExits& exits);

}  // namespace nest::partition
