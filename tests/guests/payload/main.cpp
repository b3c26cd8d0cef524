// SPDX-License-Identifier: GPL-2.0-only
// C++ entry of both vCPUs, the report page, and what the compiler wants to call.
#include "cases.hpp"
#include "check.hpp"
#include "stubs.hpp"

namespace nest::guests {
namespace {

PerCpu per_cpu[2];
Frame spare[2];     // for an exception that no one expects

void write_report(u64 offset, u64 value) { *reinterpret_cast<volatile u64*>(kReport + offset) = value; }

constexpr Code kCases[] = {
#define CASE(function, name, vcpus) case_##function,
#include "../cases.def"
#undef CASE
};

}  // namespace

u64 first_row;

void pass() { write_report(report::kVerdict, u64(Verdict::pass)); }

void finish() { write_report(report::kVerdict, u64(Verdict::end)); }

void fail(const char* what, u64 got, u64 expected, int line) {
    write_report(report::kGot, got);
    write_report(report::kExpected, expected);
    write_report(report::kLine, line);
    write_report(report::kText, reinterpret_cast<u64>(what));
    write_report(report::kVerdict, u64(Verdict::fail));
    for (;;)
        asm volatile("wfi");
}

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
    per_cpu[cpu] = {.resume_sp = 0, .frame = &spare[cpu], .number = cpu};
    WRITE("tpidr_el2", &per_cpu[cpu]);
    isb();
    reset_l2();
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
