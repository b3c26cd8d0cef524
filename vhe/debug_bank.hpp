// SPDX-License-Identifier: GPL-2.0-only
// Breakpoint and watchpoint registers in and out of the hardware: [DDI0487] D24.3.
// Context: EL2 with PSTATE.D set, so that no breakpoint can match; the caller's ISB or ERET makes the values effective.
#pragma once
#include <arch/cpu.hpp>
#include <vhe/breakpoint_bank.hpp>

namespace nest::vhe {

void save_bank(arch::Cpu& cpu, unsigned breakpoints, unsigned watchpoints, BreakpointBank& bank);

void load_bank(arch::Cpu& cpu, unsigned breakpoints, unsigned watchpoints, const BreakpointBank& bank);

}  // namespace nest::vhe
