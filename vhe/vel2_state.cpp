// SPDX-License-Identifier: GPL-2.0-only
#include <vhe/vel2_state.hpp>

namespace nest::vhe {

void load_vel2(arch::Cpu& cpu, const vncr::RegisterFile& file) {
    load_vel2_banked(cpu, file);
    for_each_row<kEl1Registers>([&]<size_t i>() __attribute__((always_inline)) {
        constexpr El1Register r = kEl1Registers[i];
        if constexpr (r.bank == Bank::kShared)
            cpu.write(arch::Named<r.hardware>::of(file.get(r.guest)));
    });
}

void save_vel2(arch::Cpu& cpu, vncr::RegisterFile& file) {
    save_vel2_banked(cpu, file);
    for_each_row<kEl1Registers>([&]<size_t i>() __attribute__((always_inline)) {
        constexpr El1Register r = kEl1Registers[i];
        if constexpr (r.bank == Bank::kShared)
            file.set(r.guest, cpu.read<arch::Named<r.hardware>>().raw);
    });
}

// Switches, as in el1_state.cpp.
bool read_vel2(arch::Cpu& cpu, const vncr::RegisterFile& file, arch::SysReg reg, u64& value) {
    using namespace arch;
    switch (reg) {
#define VEL2_REGISTER(el2_name, hardware, vhe_name) \
    case SysReg::el2_name: value = cpu.read<hardware>().raw; return true;
#include <vhe/vel2_registers.def>
#undef VEL2_REGISTER
#define EL1_REGISTER(guest, hardware, bank)        \
    case SysReg::guest:                            \
        if constexpr (Bank::bank == Bank::kBanked) \
            return false;                          \
        value = cpu.read<hardware>().raw;          \
        return true;
#include <vhe/el1_registers.def>
#undef EL1_REGISTER
    case SysReg::CNTHCTL_EL2:
        value = (file.get(reg) & ~kCntkctlShare) | (cpu.read<CNTKCTL_EL12>().raw & kCntkctlShare);
        return true;
    default:
        return false;
    }
}

bool write_vel2(arch::Cpu& cpu, vncr::RegisterFile& file, arch::SysReg reg, u64 value) {
    using namespace arch;
    switch (reg) {
#define VEL2_REGISTER(el2_name, hardware, vhe_name) \
    case SysReg::el2_name: cpu.write(hardware::of(value)); return true;
#include <vhe/vel2_registers.def>
#undef VEL2_REGISTER
#define EL1_REGISTER(guest, hardware, bank)        \
    case SysReg::guest:                            \
        if constexpr (Bank::bank == Bank::kBanked) \
            return false;                          \
        cpu.write(hardware::of(value));            \
        return true;
#include <vhe/el1_registers.def>
#undef EL1_REGISTER
    case SysReg::CPTR_EL2:
        file.set(reg, value);
        cpu.write(CPACR_EL12::of(value));
        return true;
    case SysReg::CNTHCTL_EL2:
        file.set(reg, value);
        cpu.write(CNTKCTL_EL12::of(value & kCntkctlShare));
        return true;
    default:
        return false;
    }
}

}  // namespace nest::vhe
