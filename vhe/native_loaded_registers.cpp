// SPDX-License-Identifier: GPL-2.0-only
#include <arch/native_cpu.hpp>
#include <vhe/el1_state.hpp>
#include <vhe/loaded_registers.hpp>
#include <vhe/vel2_state.hpp>

namespace nest::vhe {

bool read_loaded_register(arch::SysReg reg, u64& value) {
    arch::NativeCpu cpu;
    return read_el1(cpu, reg, value);
}

bool write_loaded_register(arch::SysReg reg, u64 value) {
    arch::NativeCpu cpu;
    return write_el1(cpu, reg, value);
}

bool read_loaded_vel2_register(const vncr::RegisterFile& file, arch::SysReg reg, u64& value, Vel2Form form) {
    arch::NativeCpu cpu;
    return read_vel2(cpu, file, reg, value, form);
}

bool write_loaded_vel2_register(vncr::RegisterFile& file, arch::SysReg reg, u64 value, Vel2Form form) {
    arch::NativeCpu cpu;
    return write_vel2(cpu, file, reg, value, form);
}

}  // namespace nest::vhe
