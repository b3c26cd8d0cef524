// SPDX-License-Identifier: GPL-2.0-only
// C++ entry of both vCPUs: one operation, its samples, its control run.
#include "../../../tests/guests/payload/gic.hpp"
#include "../../../tests/guests/payload/world.hpp"
#include "operation.hpp"

namespace nest::bench {
namespace {

PerCpu per_cpu[2];      // world.hpp finds it by TPIDR_EL2
Frame spare[2];

constexpr const Op* kOps[] = {
#define OPERATION(function, name, modes, vcpus, samples) &op_##function,
#include "../operations.def"
#undef OPERATION
};

void mark(Mark mark) { command_write(command::kMark, u64(mark)); }

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

void fail(u64 line, const char* what, u64 got) {
    command_write(kReport + report::kGot, got);
    command_write(kReport + report::kLine, line);
    command_write(kReport + report::kText, reinterpret_cast<u64>(what));
    command_write(kReport + report::kVerdict, u64(Verdict::fail));
    for (;;)
        asm volatile("wfi");
}

}  // namespace nest::bench

using nest::bench::u64;

// vCPU 0: `argument` is the operation and, from bit 32, the number of samples. vCPU 1: the function to run.
extern "C" void payload_main(u64 cpu, u64 argument) {
    using namespace nest::bench;
    if (at_el2()) {
        per_cpu[cpu] = {.resume_sp = 0, .frame = &spare[cpu], .number = cpu};
        WRITE("tpidr_el2", &per_cpu[cpu]);
        isb();
        reset_l2();
        set_hcr(kHcr | kTge | kImo);        // as a VHE kernel that has no guest; interrupts go to EL2
    }
    gic_init();
    if (cpu)
        reinterpret_cast<Code>(argument)();
    else
        go(*kOps[argument & 0xffff'ffff], argument >> 32);
}

extern "C" void other_exception(u64 vector) {
    nest::bench::fail(vector, "unexpected exception, ESR (line: vector)", READ("esr_el1"));
}
extern "C" void unexpected_exception(const nest::guests::Frame* frame) {
    nest::bench::fail(frame->vector, "unexpected exception, ESR_EL2 (line: vector)", frame->esr);
}

extern "C" void* memset(void* to, int value, decltype(sizeof(0)) size) {
    for (auto* byte = static_cast<volatile unsigned char*>(to); size; size--)
        *byte++ = static_cast<unsigned char>(value);
    return to;
}

extern "C" void* memcpy(void* to, const void* from, decltype(sizeof(0)) size) {
    auto* out = static_cast<volatile unsigned char*>(to);
    for (auto* in = static_cast<const unsigned char*>(from); size; size--)
        *out++ = *in++;
    return to;
}
