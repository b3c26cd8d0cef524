// SPDX-License-Identifier: GPL-2.0-only
// Two vCPUs with an EL2 each.
#include "smp.hpp"

#include "cases.hpp"
#include "check.hpp"
#include "stage2.hpp"
#include "stubs.hpp"

extern "C" void second_start();

// Adds x1 to x0 at EL1 and comes back.
STUB(l2_add, "add x0, x0, x1");

namespace nest::guests {

u64 cpu_on(u64 mpidr, u64 entry, u64 context) {
    register u64 x0 asm("x0") = 0xc400'0003;
    register u64 x1 asm("x1") = mpidr;
    register u64 x2 asm("x2") = entry;
    register u64 x3 asm("x3") = context;
    asm volatile("smc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)::"memory", "x4", "x5", "x6", "x7");
    return x0;
}

void start_second(Code function) {
    dsb();
    EQUAL("CPU_ON", cpu_on(1, reinterpret_cast<u64>(second_start), reinterpret_cast<u64>(function)), 0);
}

namespace {

volatile u64 level, context_ok, number, mpidr;

void report_level() {
    level = READ("currentel");
    number = this_cpu().number;
    mpidr = READ("mpidr_el1");
    dsb();
    context_ok = 1;
}

volatile u64 sums[2];
volatile u64 finished;

// Each vCPU's own numbers must come back from its own L2.
void add_up(u64 cpu) {
    Stage2& tables = cpu ? other_stage2 : stage2;
    WRITE("vtcr_el2", vtcr(1, 25, kFortyBits));
    WRITE("vttbr_el2", tables.vttbr(cpu + 1));
    set_hcr(kHcr | kVm);
    u64 sum = 0;
    for (u64 i = 0; i < 500; i++) {
        WRITE("tpidr_el1", sum);
        const Frame f = run_l2(l2_add, {.x0 = sum, .x1 = cpu + 1});
        IS_HVC(f, kDone);
        EQUAL("TPIDR_EL1 of its own L2", READ("tpidr_el1"), sum);
        sum = f.x[0];
    }
    sums[cpu] = sum;
}

void second_adds() {
    add_up(1);
    finished = 1;
}

}  // namespace

void case_psci_on() {
    start_second(report_level);
    WAIT_FOR("vCPU 1", context_ok);
    EQUAL("CurrentEL", level, 2 << 2);
    EQUAL("context", number, 1);
    EQUAL("MPIDR_EL1 affinity", mpidr & 0xff'00ff'ffff, 1);
    EQUAL("CPU_ON again: ALREADY_ON", cpu_on(1, reinterpret_cast<u64>(second_start), 0) & 0xffff'ffff, u64{0xffff'fffc});
}

void case_both_run() {
    build(stage2);
    build(other_stage2);
    start_second(second_adds);
    add_up(0);
    WAIT_FOR("vCPU 1", finished);
    EQUAL("sum of vCPU 0", sums[0], 500);
    EQUAL("sum of vCPU 1", sums[1], 1000);
}

}  // namespace nest::guests
