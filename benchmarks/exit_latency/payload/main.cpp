// SPDX-License-Identifier: GPL-2.0-only
// C++ entry of both vCPUs: one operation, its samples, its control run.
#include "../../../tests/guests/bare/gic.hpp"
#include "operation.hpp"

extern "C" const char own_vectors[];

namespace nest::bench {
namespace {

constexpr const Op* kOps[] = {
#define OPERATION(function, name, modes, vcpus, samples) &op_##function,
#include "../operations.def"
#undef OPERATION
};

void mark(Mark mark) { memory64(command::kMark) = u64(mark); }

void go(const Op& op, u64 count) {
    auto* samples = reinterpret_cast<volatile u64*>(kSamples);
    u64 index = 0;
    // Faults of the array itself belong to no sample.
    for (u64 i = 0; i < count; i += 4096 / sizeof(u64))
        samples[i] = 0;
    op.setup();
    while (index < warm_up(count))
        op.sample(index++);
    mark(Mark::begin);
    for (u64 i = 0; i < count; i++)
        samples[i] = op.sample(index++);
    mark(Mark::end);
    // Once before it counts: what is paid once is no part of the difference.
    if (op.control)
        op.control(index++);
    mark(Mark::begin_control);
    for (u64 i = 0; i < count; i++)
        if (op.control)
            op.control(index++);
    mark(Mark::end_control);
    mark(Mark::done);
}

}  // namespace

}  // namespace nest::bench

using nest::bench::u64;

// vCPU 0: `argument` is the operation and, from bit 32, the number of samples. vCPU 1: the function to run.
extern "C" void payload_main(u64 cpu, u64 argument) {
    using namespace nest::bench;
    if (at_el2()) {
        use_world(cpu, own_vectors);
        set_hcr(kHcr | kTge | kImo);        // as a VHE kernel that has no guest; interrupts go to EL2
    } else {
        WRITE("vbar_el1", own_vectors);
        isb();
    }
    gic_init();
    if (cpu)
        reinterpret_cast<Code>(argument)();
    else
        go(*kOps[argument & 0xffff'ffff], argument >> 32);
}

extern "C" void other_exception(u64 vector) {
    nest::guests::fail("unexpected exception, ESR (line: vector)", READ("esr_el1"), 0, int(vector));
}
extern "C" void unexpected_exception(const nest::guests::Frame* frame) {
    nest::guests::fail("unexpected exception, ESR_EL2 (line: vector)", frame->esr, 0, int(frame->vector));
}
