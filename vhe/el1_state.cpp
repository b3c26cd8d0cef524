// SPDX-License-Identifier: GPL-2.0-only
#include <vhe/el1_state.hpp>

namespace nest::vhe {

void load_el1(arch::Cpu& cpu, const vncr::RegisterFile& file) {
    using namespace arch;
#define EL1_REGISTER(guest, hardware) cpu.write(hardware::of(file.get(SysReg::guest)));
#include <vhe/el1_registers.def>
#undef EL1_REGISTER
}

void save_el1(arch::Cpu& cpu, vncr::RegisterFile& file) {
    using namespace arch;
#define EL1_REGISTER(guest, hardware) file.set(SysReg::guest, cpu.read<hardware>().raw);
#include <vhe/el1_registers.def>
#undef EL1_REGISTER
}

bool read_el1(arch::Cpu& cpu, arch::SysReg reg, u64& value) {
    using namespace arch;
    switch (reg) {
#define EL1_REGISTER(guest, hardware)               \
    case SysReg::guest:                             \
        value = cpu.read<hardware>().raw;  \
        return true;
#include <vhe/el1_registers.def>
#undef EL1_REGISTER
    default:
        return false;
    }
}

bool write_el1(arch::Cpu& cpu, arch::SysReg reg, u64 value) {
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
