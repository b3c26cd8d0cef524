// SPDX-License-Identifier: GPL-2.0-only
// All cases of cases.def. One that returns has passed.
#pragma once

#include "../protocol.hpp"

namespace nest::guests {

#define CASE(function, name, vcpus) void case_##function();
#include "../cases.def"
#undef CASE

extern u64 first_row;       // of the table that case_traps goes through

}  // namespace nest::guests
