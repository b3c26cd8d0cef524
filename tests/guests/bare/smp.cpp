// SPDX-License-Identifier: GPL-2.0-only
#include "smp.hpp"

#include "check.hpp"

namespace nest::guests {

u64 smccc(u64 function, u64 a1, u64 a2, u64 a3) {
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

void power_off() {
    smccc(kSystemOff);
    for (;;)
        asm volatile("wfi");
}

u64 cpu_on(u64 mpidr, u64 entry, u64 context) { return smccc(0xc400'0003, mpidr, entry, context); }

void start_second(Code function) {
    dsb();
    EQUAL("CPU_ON", cpu_on(1, reinterpret_cast<u64>(second_start), reinterpret_cast<u64>(function)), 0);
}

}  // namespace nest::guests
