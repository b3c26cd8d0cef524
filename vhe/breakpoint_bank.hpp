// SPDX-License-Identifier: GPL-2.0-only
// The values of one set of breakpoint and watchpoint registers ([DDI0487] D24.3); only as many as the CPU has are used.
#pragma once
#include <base/types.hpp>

namespace nest::vhe {

struct BreakpointBank {
    u64 bcr[16];
    u64 bvr[16];
    u64 wcr[16];
    u64 wvr[16];

    // DBGBCRn_EL1.E and DBGWCRn_EL1.E
    constexpr bool any_enabled() const {
        u64 enabled = 0;
        for (unsigned i = 0; i < 16; i++)
            enabled |= (bcr[i] | wcr[i]) & 1;
        return enabled != 0;
    }
};

}  // namespace nest::vhe
