// SPDX-License-Identifier: GPL-2.0-only
#include <vhe/el1_state.hpp>

#include <vhe/register_banks.hpp>

namespace nest::vhe {

void load_el1(arch::Cpu& cpu, const vncr::RegisterFile& file) {
    for_each_row<kEl1Registers>([&]<size_t i>() __attribute__((always_inline)) {
        constexpr El1Register r = kEl1Registers[i];
        cpu.write(arch::Named<r.hardware>::of(file.get(r.guest)));
    });
}

void save_el1(arch::Cpu& cpu, vncr::RegisterFile& file) {
    for_each_row<kEl1Registers>([&]<size_t i>() __attribute__((always_inline)) {
        constexpr El1Register r = kEl1Registers[i];
        file.set(r.guest, cpu.read<arch::Named<r.hardware>>().raw);
    });
}

// Switches: a chain of compares, which a loop over the rows becomes, would be longer than the table of a switch.
bool read_el1(arch::Cpu& cpu, arch::SysReg reg, u64& value) {
    using namespace arch;
    switch (reg) {
#define EL1_REGISTER(guest, hardware, bank) \
    case SysReg::guest: value = cpu.read<hardware>().raw; return true;
#include <vhe/el1_registers.def>
#undef EL1_REGISTER
    default: return false;
    }
}

bool write_el1(arch::Cpu& cpu, arch::SysReg reg, u64 value) {
    using namespace arch;
    switch (reg) {
#define EL1_REGISTER(guest, hardware, bank) \
    case SysReg::guest: cpu.write(hardware::of(value)); return true;
#include <vhe/el1_registers.def>
#undef EL1_REGISTER
    default: return false;
    }
}

}  // namespace nest::vhe
