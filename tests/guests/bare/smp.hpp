// SPDX-License-Identifier: GPL-2.0-only
// Calls to the firmware, and the second vCPU.
#pragma once

#include "world.hpp"

extern "C" void second_start();     // start.S

namespace nest::guests {

// An SMCCC call by the conduit that this level has: HVC at EL1, SMC at EL2. x0 of the result.
u64 smccc(u64 function, u64 a1 = 0, u64 a2 = 0, u64 a3 = 0);

// PSCI SYSTEM_OFF.
inline constexpr u32 kSystemOff = 0x8400'0008;
[[noreturn]] void power_off();

// PSCI CPU_ON; the result is PSCI's.
u64 cpu_on(u64 mpidr, u64 entry, u64 context);

// Start vCPU 1, which runs `function` at this level and then waits for ever. Fails the case if PSCI refuses.
void start_second(Code function);

}  // namespace nest::guests
