// SPDX-License-Identifier: GPL-2.0-only
// AT at EL2, and what PAR_EL1 says after it.
#pragma once

#include "../bare/check.hpp"
#include "../bare/regs.hpp"

#define AT(operation, address)                                                     \
    ({                                                                             \
        asm volatile("at " operation ", %0\n\tisb" ::"r"(u64(address)) : "memory"); \
        READ("par_el1");                                                           \
    })

namespace nest::guests {

inline void translates(u64 par, u64 address) {
    EQUAL("PAR_EL1.F (and the rest)", (par & 1) ? par : 0, 0);
    EQUAL("PAR_EL1.PA", field(par, 47, 12), address >> 12);
}

inline void fails(u64 par, u64 fst, u64 stage) {
    EQUAL("PAR_EL1.F", par & 1, 1);
    EQUAL("PAR_EL1.FST", field(par, 6, 1), fst);
    EQUAL("PAR_EL1.PTW", field(par, 8, 8), 0);
    EQUAL("PAR_EL1.S", field(par, 9, 9), stage - 1);
}

}  // namespace nest::guests
