// SPDX-License-Identifier: GPL-2.0-only
#include <arch/native_cpu.hpp>
#include <vhe/el1_state.hpp>
#include <vhe/loaded_registers.hpp>

namespace nest::vhe {

bool read_loaded_register(arch::SysReg reg, u64& value) {
    arch::NativeCpu cpu;
    return read_el1(cpu, reg, value);
}

bool write_loaded_register(arch::SysReg reg, u64 value) {
    arch::NativeCpu cpu;
    return write_el1(cpu, reg, value);
}

}  // namespace nest::vhe
