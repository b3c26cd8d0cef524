// SPDX-License-Identifier: GPL-2.0-only
// Breakpoint and watchpoint registers in and out of the hardware: [DDI0487] D24.3.
// Context: at EL2, where none of them can match while PSTATE.D is set; the caller's ISB or ERET makes them effective.
#pragma once
#include <arch/cpu.hpp>
#include <vhe/breakpoint_bank.hpp>

namespace nest::vhe {

void save_bank(arch::Cpu& cpu, unsigned breakpoints, unsigned watchpoints, BreakpointBank& bank);

void load_bank(arch::Cpu& cpu, unsigned breakpoints, unsigned watchpoints, const BreakpointBank& bank);

}  // namespace nest::vhe
