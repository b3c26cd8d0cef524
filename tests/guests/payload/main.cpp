// SPDX-License-Identifier: GPL-2.0-only
// C++ entry of both vCPUs, and the verdicts.
#include "../bare/check.hpp"
#include "cases.hpp"

namespace nest::guests {
namespace {

constexpr Code kCases[] = {
#define CASE(function, name, vcpus) case_##function,
#include "../cases.def"
#undef CASE
};

}  // namespace

u64 first_row;

void pass() { write_report(report::kVerdict, u64(Verdict::pass)); }

void finish() { write_report(report::kVerdict, u64(Verdict::end)); }

void skip_row(const char* why) {
    write_report(report::kText, reinterpret_cast<u64>(why));
    write_report(report::kVerdict, u64(Verdict::skip));
}

void skip(const char* why) {
    skip_row(why);
    finish();
    for (;;)
        asm volatile("wfi");
}

}  // namespace nest::guests

using nest::guests::Frame;
using nest::guests::u64;

// vCPU 0: `argument` is the case, and in bits 63:32 the row of its table. vCPU 1: the function to run.
extern "C" void payload_main(u64 cpu, u64 argument) {
    using namespace nest::guests;
    use_world(cpu, vectors);
    if (cpu) {
        reinterpret_cast<Code>(argument)();
        return;
    }
    first_row = argument >> 32;
    kCases[argument & 0xffff'ffff]();
    pass();
    finish();
}

extern "C" void unexpected_exception(const Frame* frame) {
    using namespace nest::guests;
    fail(ec(frame->esr) == kEcIllegal ? "unexpected illegal state, ELR_EL2" : "unexpected exception, ESR_EL2 (line: vector)",
         ec(frame->esr) == kEcIllegal ? frame->elr : frame->esr, 0, int(frame->vector));
}
