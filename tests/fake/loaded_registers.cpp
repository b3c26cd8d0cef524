// SPDX-License-Identifier: GPL-2.0-only
// The guest's EL1 registers "in hardware": those of the fake machine.
#include <kvm/cpu/cpu.hpp>
#include <vhe/el1_state.hpp>
#include <vhe/loaded_registers.hpp>
#include <vhe/vel2_state.hpp>

namespace nest::vhe {

bool read_loaded_register(arch::SysReg reg, u64& value) { return read_el1(kvm::cpu(), reg, value); }
bool write_loaded_register(arch::SysReg reg, u64 value) { return write_el1(kvm::cpu(), reg, value); }

bool read_loaded_vel2_register(const vncr::RegisterFile& file, arch::SysReg reg, u64& value, Vel2Form form) {
    return read_vel2(kvm::cpu(), file, reg, value, form);
}
bool write_loaded_vel2_register(vncr::RegisterFile& file, arch::SysReg reg, u64 value, Vel2Form form) {
    return write_vel2(kvm::cpu(), file, reg, value, form);
}

}  // namespace nest::vhe
