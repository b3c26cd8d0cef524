// SPDX-License-Identifier: GPL-2.0-only
// The guest's EL1 registers between the register file and the hardware.
#pragma once
#include <arch/cpu.hpp>
#include <vncr/register_file.hpp>

namespace nest::vhe {

// Hardware := file. Context: preemption off, HCR_EL2.TGE set, so that the EL1&0 regime is out of use and neither the
// order of these writes nor speculation through a half-written regime matters ([DDI0487] D8.1.2).
template <arch::Cpu C>
void load_el1(C& cpu, const vncr::RegisterFile& file) {
    using namespace arch;
#define EL1_REGISTER(guest, hardware) cpu.write(hardware::of(file.get(SysReg::guest)));
#include <vhe/el1_registers.def>
#undef EL1_REGISTER
}

// File := hardware.
template <arch::Cpu C>
void save_el1(C& cpu, vncr::RegisterFile& file) {
    using namespace arch;
#define EL1_REGISTER(guest, hardware) file.set(SysReg::guest, cpu.template read<hardware>().raw);
#include <vhe/el1_registers.def>
#undef EL1_REGISTER
}

// One register while the state is in hardware; false when this one never is.
template <arch::Cpu C>
bool read_el1(C& cpu, arch::SysReg reg, u64& value) {
    using namespace arch;
    switch (reg) {
#define EL1_REGISTER(guest, hardware)               \
    case SysReg::guest:                             \
        value = cpu.template read<hardware>().raw;  \
        return true;
#include <vhe/el1_registers.def>
#undef EL1_REGISTER
    default:
        return false;
    }
}

template <arch::Cpu C>
bool write_el1(C& cpu, arch::SysReg reg, u64 value) {
    using namespace arch;
    switch (reg) {
#define EL1_REGISTER(guest, hardware)        \
    case SysReg::guest:                      \
        cpu.write(hardware::of(value));      \
        return true;
#include <vhe/el1_registers.def>
#undef EL1_REGISTER
    default:
        return false;
    }
}

}  // namespace nest::vhe
