// SPDX-License-Identifier: GPL-2.0-only
#include <vhe/debug_bank.hpp>

namespace nest::vhe {

void save_bank(arch::Cpu& cpu, unsigned breakpoints, unsigned watchpoints, BreakpointBank& bank) {
    using namespace arch;
#define SAVE(n)                                                  \
    if (n < breakpoints) {                                       \
        bank.bcr[n] = cpu.read<DBGBCR##n##_EL1>().raw;  \
        bank.bvr[n] = cpu.read<DBGBVR##n##_EL1>().raw;  \
    }                                                            \
    if (n < watchpoints) {                                       \
        bank.wcr[n] = cpu.read<DBGWCR##n##_EL1>().raw;  \
        bank.wvr[n] = cpu.read<DBGWVR##n##_EL1>().raw;  \
    }
    NEST_DEBUG_INDICES(SAVE)
#undef SAVE
}

void load_bank(arch::Cpu& cpu, unsigned breakpoints, unsigned watchpoints, const BreakpointBank& bank) {
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
