// SPDX-License-Identifier: GPL-2.0-only
// The fewest steps of a sequence that still fail.
#pragma once

#include "supervisor.hpp"

namespace nest::fuzz_kvm {

// Numbers of actions; all of them if it does not fail again. Each candidate gets several runs, as threads race; no new
// candidate after `seconds`.
std::vector<size_t> shrink(Supervisor& supervisor, const Sequence& sequence, unsigned seconds);
std::vector<size_t> all_of(const Sequence& sequence);

}  // namespace nest::fuzz_kvm
