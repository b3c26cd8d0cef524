// SPDX-License-Identifier: GPL-2.0-only
// Breakpoint and watchpoint registers in and out of the hardware: [DDI0487] D24.3.
// Context: at EL2, where none of them can match while PSTATE.D is set; the caller's ISB or ERET makes them effective.
#pragma once
#include <arch/cpu.hpp>
#include <vhe/breakpoint_bank.hpp>

namespace nest::vhe {

template <arch::Cpu C>
void save_bank(C& cpu, unsigned breakpoints, unsigned watchpoints, BreakpointBank& bank) {
    using namespace arch;
#define SAVE(n)                                                  \
    if (n < breakpoints) {                                       \
        bank.bcr[n] = cpu.template read<DBGBCR##n##_EL1>().raw;  \
        bank.bvr[n] = cpu.template read<DBGBVR##n##_EL1>().raw;  \
    }                                                            \
    if (n < watchpoints) {                                       \
        bank.wcr[n] = cpu.template read<DBGWCR##n##_EL1>().raw;  \
        bank.wvr[n] = cpu.template read<DBGWVR##n##_EL1>().raw;  \
    }
    NEST_DEBUG_INDICES(SAVE)
#undef SAVE
}

template <arch::Cpu C>
void load_bank(C& cpu, unsigned breakpoints, unsigned watchpoints, const BreakpointBank& bank) {
    using namespace arch;
#define LOAD(n)                                           \
    if (n < breakpoints) {                                \
        cpu.write(DBGBVR##n##_EL1::of(bank.bvr[n]));      \
        cpu.write(DBGBCR##n##_EL1::of(bank.bcr[n]));      \
    }                                                     \
    if (n < watchpoints) {                                \
        cpu.write(DBGWVR##n##_EL1::of(bank.wvr[n]));      \
        cpu.write(DBGWCR##n##_EL1::of(bank.wcr[n]));      \
    }
    NEST_DEBUG_INDICES(LOAD)
#undef LOAD
}

}  // namespace nest::vhe
