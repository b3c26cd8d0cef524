// SPDX-License-Identifier: GPL-2.0-only
// What the RTOS says of itself, in the last page of its memory. Its stage 1 is off, as the hypervisor's, so that neither caches it.
#pragma once

#include "layout.hpp"

namespace nest::partition {

// Times in counts of CNTVCT_EL0.
struct Mailbox {
    u64 crash_tick;             // the hypervisor's word, before the start
    u64 ticks;                  // of the timer, a thousand a second
    u64 skipped;                // periods that had passed before their tick was taken
    u64 least, most, sum;       // from a tick's time to the control task's first instruction
    u64 activations;            // of the control task
    u64 rounds;                 // of the background task over its buffer
    u64 damaged;                // rounds that found another value than the one before had left
};

inline volatile Mailbox& mailbox() { return *reinterpret_cast<volatile Mailbox*>(kMailbox); }

}  // namespace nest::partition
