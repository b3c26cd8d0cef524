// SPDX-License-Identifier: GPL-2.0-only
// Reads and writes registers of the guest that are in this CPU's hardware right now. Preemption off.
#pragma once
#include <arch/sysreg.hpp>
#include <vhe/vel2_state.hpp>
#include <vncr/register_file.hpp>

namespace nest::vhe {

// False: this register is never kept in hardware between exits; ask the register file.
bool read_loaded_register(arch::SysReg reg, u64& value);
bool write_loaded_register(arch::SysReg reg, u64 value);

// The same while the hardware holds virtual EL2's set (vel2_state.hpp).
bool read_loaded_vel2_register(const vncr::RegisterFile& file, arch::SysReg reg, u64& value, Vel2Form form);
bool write_loaded_vel2_register(vncr::RegisterFile& file, arch::SysReg reg, u64 value, Vel2Form form);

}  // namespace nest::vhe
