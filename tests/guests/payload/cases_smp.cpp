// SPDX-License-Identifier: GPL-2.0-only
// Two vCPUs with an EL2 each.
#include "../bare/check.hpp"
#include "../bare/smp.hpp"
#include "../bare/stage2.hpp"
#include "../bare/stubs.hpp"
#include "cases.hpp"

// Adds x1 to x0 at EL1 and comes back.
STUB(l2_add, "add x0, x0, x1");

namespace nest::guests {
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
    use_tables(cpu ? other_stage2 : stage2, cpu + 1);
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
