// SPDX-License-Identifier: GPL-2.0-only
// Checks. A failure ends the VM.
#pragma once

#include "world.hpp"

namespace nest::guests {

void write_report(u64 offset, u64 value);       // a register of the report page
[[noreturn]] void fail(const char* what, u64 got, u64 expected, int line);

inline void check_equal(const char* what, u64 got, u64 expected, int line) {
    if (got != expected)
        fail(what, got, expected, line);
}

// Waits up to ten seconds of the guest's time for `condition`.
#define WAIT_FOR(what, condition)                                       \
    do {                                                                \
        const ::nest::guests::u64 until_ = READ("cntpct_el0") + 10 * READ("cntfrq_el0"); \
        while (!(condition))                                            \
            CHECK(what, READ("cntpct_el0") < until_);                   \
    } while (0)

#define EQUAL(what, got, expected) ::nest::guests::check_equal(what, got, expected, __LINE__)
#define CHECK(what, condition) ::nest::guests::check_equal(what, !!(condition), 1, __LINE__)
// The exception's vector first: where it is wrong, the syndrome that came instead says most.
#define TAKEN(frame, wanted_vector)                                             \
    do {                                                                        \
        if ((frame).vector != (wanted_vector) && (frame).vector != kNoException) \
            EQUAL("ESR_EL2 of another vector", (frame).esr, 0);                 \
        EQUAL("vector", (frame).vector, wanted_vector);                         \
    } while (0)
#define IS_HVC(frame, immediate)                                                \
    do {                                                                        \
        TAKEN(frame, kVectorLower);                                             \
        EQUAL("ESR_EL2", (frame).esr, esr_of(kEcHvc, immediate));               \
    } while (0)
// An abort of L2 that EL2 takes.
#define IS_ABORT(frame, wanted_ec, wanted_fsc)                                  \
    do {                                                                        \
        TAKEN(frame, kVectorLower);                                             \
        EQUAL("ESR_EL2.EC", ec((frame).esr), wanted_ec);                        \
        EQUAL("ESR_EL2 FSC", fsc((frame).esr), wanted_fsc);                     \
    } while (0)

// M, DAIF and IL of an SPSR: the bits that the cases set.
constexpr u64 state(u64 spsr) { return spsr & (0x3df | kIllegal); }

}  // namespace nest::guests
