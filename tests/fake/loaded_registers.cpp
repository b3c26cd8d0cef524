// SPDX-License-Identifier: GPL-2.0-only
// The guest's EL1 registers "in hardware": those of the fake machine.
#include <kvm/cpu.hpp>
#include <vhe/el1_state.hpp>
#include <vhe/loaded_registers.hpp>

namespace nest::vhe {

bool read_loaded_register(arch::SysReg reg, u64& value) { return read_el1(kvm::cpu(), reg, value); }
bool write_loaded_register(arch::SysReg reg, u64 value) { return write_el1(kvm::cpu(), reg, value); }

}  // namespace nest::vhe
