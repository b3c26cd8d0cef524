// SPDX-License-Identifier: GPL-2.0-only
#include <vhe/vel2_state.hpp>

namespace nest::vhe {

void load_vel2(arch::Cpu& cpu, const vncr::RegisterFile& file) {
    using namespace arch;
    load_vel2_banked(cpu, file);
#define EL1_REGISTER(guest, hardware)
#define SHARED_REGISTER(guest, hardware) cpu.write(hardware::of(file.get(SysReg::guest)));
#include <vhe/el1_registers.def>
#undef EL1_REGISTER
}

void save_vel2(arch::Cpu& cpu, vncr::RegisterFile& file) {
    using namespace arch;
    save_vel2_banked(cpu, file);
#define EL1_REGISTER(guest, hardware)
#define SHARED_REGISTER(guest, hardware) file.set(SysReg::guest, cpu.read<hardware>().raw);
#include <vhe/el1_registers.def>
#undef EL1_REGISTER
}

bool read_vel2(arch::Cpu& cpu, const vncr::RegisterFile& file, arch::SysReg reg, u64& value) {
    using namespace arch;
    switch (reg) {
#define VEL2_REGISTER(el2_name, hardware, vhe_name)      \
    case SysReg::el2_name:                               \
        value = cpu.read<hardware>().raw;  \
        return true;
#include <vhe/vel2_registers.def>
#undef VEL2_REGISTER
#define EL1_REGISTER(guest, hardware)
#define SHARED_REGISTER(guest, hardware)            \
    case SysReg::guest:                             \
        value = cpu.read<hardware>().raw;  \
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
#define VEL2_REGISTER(el2_name, hardware, vhe_name)  \
    case SysReg::el2_name:                           \
        cpu.write(hardware::of(value));         \
        return true;
#include <vhe/vel2_registers.def>
#undef VEL2_REGISTER
#define EL1_REGISTER(guest, hardware)
#define SHARED_REGISTER(guest, hardware)        \
    case SysReg::guest:                         \
        cpu.write(hardware::of(value));         \
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
