// SPDX-License-Identifier: GPL-2.0-only
// An operation as the payload sees it, and what all operations use.
#pragma once

#include "../../../tests/guests/payload/regs.hpp"
#include "../protocol.hpp"

namespace nest::bench {

using namespace guests;     // registers by name

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
inline bool at_el2() { return READ("currentel") == 2 << 2; }
inline void command_write(u64 address, u64 value) { *reinterpret_cast<volatile u64*>(address) = value; }
[[noreturn]] void fail(u64 line, const char* what, u64 got);

// An SMCCC call by the conduit that this level has: HVC at EL1, SMC at EL2. x0 of the result.
inline u64 smccc(u64 function, u64 a1 = 0, u64 a2 = 0, u64 a3 = 0) {
    register u64 x0 asm("x0") = function;
    register u64 x1 asm("x1") = a1;
    register u64 x2 asm("x2") = a2;
    register u64 x3 asm("x3") = a3;
    if (at_el2())
        asm volatile("smc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)::"memory", "x4", "x5", "x6", "x7");
    else
        asm volatile("hvc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)::"memory", "x4", "x5", "x6", "x7");
    return x0;
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
