// SPDX-License-Identifier: GPL-2.0-only
// A64 instructions that a hypervisor may have to do with, in proportion to how much it has to do with them.
#pragma once

#include <vector>

#include "random.hpp"

namespace nest::fuzz_kvm {

// Appends a random instruction, with what makes it meaningful before it: the address in its base register, the function
// id of a firmware call.
void add_instruction(Random& r, std::vector<u32>& code);

}  // namespace nest::fuzz_kvm
