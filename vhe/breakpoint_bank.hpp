// SPDX-License-Identifier: GPL-2.0-only
// The values of one set of breakpoint and watchpoint registers ([DDI0487] D24.3); only as many as the CPU has are used.
#pragma once
#include <arch/types.hpp>

namespace nest::vhe {

struct BreakpointBank {
    u64 bcr[16];
    u64 bvr[16];
    u64 wcr[16];
    u64 wvr[16];
};

}  // namespace nest::vhe
