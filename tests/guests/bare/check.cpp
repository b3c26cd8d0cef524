// SPDX-License-Identifier: GPL-2.0-only
#include "check.hpp"

namespace nest::guests {

void write_report(u64 offset, u64 value) { memory64(kReport + offset) = value; }

void fail(const char* what, u64 got, u64 expected, int line) {
    write_report(report::kGot, got);
    write_report(report::kExpected, expected);
    write_report(report::kLine, line);
    write_report(report::kText, reinterpret_cast<u64>(what));
    write_report(report::kVerdict, u64(Verdict::fail));
    for (;;)
        asm volatile("wfi");
}

}  // namespace nest::guests
