// SPDX-License-Identifier: GPL-2.0-only
// One VM from its start to its last verdict.
#pragma once

#include <functional>
#include <string>

#include "../protocol.hpp"

namespace nest::guests {

inline constexpr unsigned kSecondsPerVerdict = 20;

// Runs a case (argument: its number, the first row of a table in bits 63:32) in a VM, and ends the process: with status 0
// if the payload came to its end, else, after a failure, with 1. `tell` gets each verdict and its reason; no answer in
// kSecondsPerVerdict is a failure.
[[noreturn]] void run_case(u64 argument, unsigned vcpus, const std::function<void(Verdict, const std::string&)>& tell);

}  // namespace nest::guests
