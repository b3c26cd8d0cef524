// SPDX-License-Identifier: GPL-2.0-only
// An operation as the payload sees it, and what all operations use.
#pragma once

#include "../../../tests/guests/bare/check.hpp"
#include "../protocol.hpp"

namespace nest::bench {

using namespace guests;     // registers by name, checks

struct Op {
    void (*setup)();
    // Ticks that it took. `index` counts up through warm-up, samples and control.
    u64 (*sample)(u64 index);
    // All that `sample` does besides the measured part; null where it does nothing else.
    void (*control)(u64 index);
};
#define OPERATION(function, name, modes, vcpus, samples) extern const Op op_##function;
#include "../operations.def"
#undef OPERATION

inline u64 now() {
    isb();
    return READ("cntvct_el0");
}

// What the interrupt handler saw last.
struct Interrupt {
    volatile u64 time;      // CNTVCT_EL0 at its first instruction
    volatile u64 count;
};
extern Interrupt interrupt[2];      // of each vCPU

inline void mask() { asm volatile("msr daifset, #2" ::: "memory"); }
inline void unmask() { asm volatile("msr daifclr, #2" ::: "memory"); }
// Single-threaded TCG goes on with another CPU here.
inline void relax() { asm volatile("yield" ::: "memory"); }

}  // namespace nest::bench
