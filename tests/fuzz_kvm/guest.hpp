// SPDX-License-Identifier: GPL-2.0-only
// The contents of a guest's RAM.
#pragma once

#include "random.hpp"

namespace nest::fuzz_kvm {

// Everything, into `ram` of kRamSize bytes.
void fill_ram(Random& r, char* ram);
// Parts of it, while vCPUs may run on it.
void fill_code(Random& r, char* ram);
void fill_tables(Random& r, char* ram);

// Addresses in the guest.
u64 start_address();
u64 eret_address();

}  // namespace nest::fuzz_kvm
