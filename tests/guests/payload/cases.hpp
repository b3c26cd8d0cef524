// SPDX-License-Identifier: GPL-2.0-only
// All cases of cases.def, and their verdicts. One that returns has passed; a table's rows are passed or skipped one by
// one, until finish().
#pragma once

#include "../protocol.hpp"

namespace nest::guests {

#define CASE(function, name, vcpus) void case_##function();
#include "../cases.def"
#undef CASE

void pass();
void skip_row(const char* why);
void finish();
[[noreturn]] void skip(const char* why);

extern u64 first_row;       // of the table that case_traps goes through

}  // namespace nest::guests
