// SPDX-License-Identifier: GPL-2.0-only
// One VM from its start to its last verdict.
#pragma once

#include <functional>
#include <string>

#include "../protocol.hpp"

namespace nest::guests {

inline constexpr unsigned kSecondsPerVerdict = 20;

struct Teller {
    std::function<void(Verdict, const std::string&)> verdict;   // and its reason
    std::function<void()> moved;                                // the machine has moved to another VM
};

// Runs a case (argument: its number, the first row of a table in bits 63:32) in a VM, and ends the process: with status 0
// if the payload came to its end, else, after a failure, with 1. No answer in kSecondsPerVerdict is a failure. `move_every`:
// how many microseconds the vCPUs run from one move of the machine to the next; 0: it stays.
[[noreturn]] void run_case(u64 argument, unsigned vcpus, unsigned move_every, const Teller& tell);

}  // namespace nest::guests
