// SPDX-License-Identifier: GPL-2.0-only
// The second vCPU.
#pragma once

#include "world.hpp"

namespace nest::guests {

// PSCI CPU_ON by SMC; the result is PSCI's.
u64 cpu_on(u64 mpidr, u64 entry, u64 context);

// Start vCPU 1, which runs `function` at EL2 and then waits for ever. Fails the case if PSCI refuses.
void start_second(Code function);

}  // namespace nest::guests
