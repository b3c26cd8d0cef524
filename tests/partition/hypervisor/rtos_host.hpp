// SPDX-License-Identifier: GPL-2.0-only
// The partition with the RTOS: started again whenever it has crashed.
#pragma once

#include "../layout.hpp"

namespace nest::partition {

// What vCPU 1 writes and vCPU 0 reads, with the MMUs of both off.
struct RtosLife {
    u64 crashes;
    u64 esr, address;       // of the last crash: ESR_EL2, and the IPA where it was an abort
    u64 ticks;              // of all lives before this one
    u64 interrupted;        // exits that were interrupts
};
inline volatile RtosLife rtos_life;

// For ever, on vCPU 1.
[[noreturn]] void host_rtos();

}  // namespace nest::partition
