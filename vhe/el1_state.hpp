// SPDX-License-Identifier: GPL-2.0-only
// The guest's EL1 registers between the register file and the hardware.
#pragma once
#include <arch/cpu.hpp>
#include <vncr/register_file.hpp>

namespace nest::vhe {

// Hardware := file. Context: preemption off, HCR_EL2.TGE set, so that the EL1&0 regime is out of use and neither the
// order of these writes nor speculation through a half-written regime matters ([DDI0487] D8.1.2).
void load_el1(arch::Cpu& cpu, const vncr::RegisterFile& file);

// File := hardware.
void save_el1(arch::Cpu& cpu, vncr::RegisterFile& file);

// One register while the guest's EL1 state is in hardware. False: `reg` is never there, ask the register file.
bool read_el1(arch::Cpu& cpu, arch::SysReg reg, u64& value);

bool write_el1(arch::Cpu& cpu, arch::SysReg reg, u64 value);

}  // namespace nest::vhe
