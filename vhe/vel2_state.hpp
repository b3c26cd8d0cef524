// SPDX-License-Identifier: GPL-2.0-only
// Virtual EL2's own register set between the register file and hardware's EL1 registers; the other user of these is the
// guest's EL1 (el1_state.hpp). What both share (SHARED_REGISTER) stays where it is in a switch between the two.
#pragma once
#include <arch/cpu.hpp>
#include <vhe/el1_state.hpp>
#include <vncr/register_file.hpp>

namespace nest::vhe {

// The part of CNTHCTL_EL2 that virtual EL2 reaches untrapped by its VHE name CNTKCTL_EL1: EVNTIS and bits 9:0.
inline constexpr u64 kCntkctlShare = arch::CNTHCTL_EL2::EVNTIS::kMask | 0x3ff;

// Hardware := file, without the shared registers. CPTR_EL2's value has its bits at CPACR_EL1's places under E2H, where
// hardware ignores those that CPACR_EL1 has not (TCPAC, TAM). Context: as load_el1(), or at EL2 with TGE clear after
// the DSB that ends the walks of what was loaded before.
template <arch::Cpu C>
void load_vel2_banked(C& cpu, const vncr::RegisterFile& file) {
    using namespace arch;
    const vncr::RegisterFile::View view = file.view();
#define VEL2_REGISTER(own, hardware, vhe_name) cpu.write(hardware::of(view.get(SysReg::own)));
#include <vhe/vel2_registers.def>
#undef VEL2_REGISTER
    cpu.write(CPACR_EL12::of(view.get(SysReg::CPTR_EL2)));
    cpu.write(CNTKCTL_EL12::of(view.get(SysReg::CNTHCTL_EL2) & kCntkctlShare));
}

// File := hardware. CPTR_EL2 needs no saving: every write to it traps.
template <arch::Cpu C>
void save_vel2_banked(C& cpu, vncr::RegisterFile& file) {
    using namespace arch;
    const vncr::RegisterFile::View view = file.view();
#define VEL2_REGISTER(own, hardware, vhe_name) view.set(SysReg::own, cpu.template read<hardware>().raw);
#include <vhe/vel2_registers.def>
#undef VEL2_REGISTER
    view.set(SysReg::CNTHCTL_EL2, (view.get(SysReg::CNTHCTL_EL2) & ~kCntkctlShare) |
                                      (cpu.template read<CNTKCTL_EL12>().raw & kCntkctlShare));
}

// The guest's EL1 set without what it shares with virtual EL2.
template <arch::Cpu C>
void load_el1_banked(C& cpu, const vncr::RegisterFile& file) {
    using namespace arch;
    const vncr::RegisterFile::View view = file.view();
#define SHARED_REGISTER(guest, hardware)
#define EL1_REGISTER(guest, hardware) cpu.write(hardware::of(view.get(SysReg::guest)));
#include <vhe/el1_registers.def>
#undef EL1_REGISTER
}
template <arch::Cpu C>
void save_el1_banked(C& cpu, vncr::RegisterFile& file) {
    using namespace arch;
    const vncr::RegisterFile::View view = file.view();
#define SHARED_REGISTER(guest, hardware)
#define EL1_REGISTER(guest, hardware) view.set(SysReg::guest, cpu.template read<hardware>().raw);
#include <vhe/el1_registers.def>
#undef EL1_REGISTER
}

// load_el1() and save_el1() for a vCPU that is at virtual EL2: its banked set and the shared registers.
template <arch::Cpu C>
void load_vel2(C& cpu, const vncr::RegisterFile& file) {
    using namespace arch;
    load_vel2_banked(cpu, file);
#define EL1_REGISTER(guest, hardware)
#define SHARED_REGISTER(guest, hardware) cpu.write(hardware::of(file.get(SysReg::guest)));
#include <vhe/el1_registers.def>
#undef EL1_REGISTER
}
template <arch::Cpu C>
void save_vel2(C& cpu, vncr::RegisterFile& file) {
    using namespace arch;
    save_vel2_banked(cpu, file);
#define EL1_REGISTER(guest, hardware)
#define SHARED_REGISTER(guest, hardware) file.set(SysReg::guest, cpu.template read<hardware>().raw);
#include <vhe/el1_registers.def>
#undef EL1_REGISTER
}

// The EL2 register that virtual EL2 means, under E2H, by an EL1 name; the name itself where E2H does not redirect.
constexpr arch::SysReg vhe_redirect(arch::SysReg name) {
    using arch::SysReg;
    switch (name) {
#define VEL2_REGISTER(own, hardware, vhe_name) \
    case SysReg::vhe_name: return SysReg::own;
#include <vhe/vel2_registers.def>
#undef VEL2_REGISTER
    case SysReg::CPACR_EL1: return SysReg::CPTR_EL2;
    case SysReg::CNTKCTL_EL1: return SysReg::CNTHCTL_EL2;
    default: return name;
    }
}

// One register of a vCPU at virtual EL2 whose set is in hardware; false: it is never there, ask the register file.
template <arch::Cpu C>
bool read_vel2(C& cpu, const vncr::RegisterFile& file, arch::SysReg reg, u64& value) {
    using namespace arch;
    switch (reg) {
#define VEL2_REGISTER(own, hardware, vhe_name)      \
    case SysReg::own:                               \
        value = cpu.template read<hardware>().raw;  \
        return true;
#include <vhe/vel2_registers.def>
#undef VEL2_REGISTER
#define EL1_REGISTER(guest, hardware)
#define SHARED_REGISTER(guest, hardware)            \
    case SysReg::guest:                             \
        value = cpu.template read<hardware>().raw;  \
        return true;
#include <vhe/el1_registers.def>
#undef EL1_REGISTER
    case SysReg::CNTHCTL_EL2:
        value = (file.get(reg) & ~kCntkctlShare) | (cpu.template read<CNTKCTL_EL12>().raw & kCntkctlShare);
        return true;
    default:
        return false;
    }
}

// False: the register has no copy in hardware, and the caller writes the file. CPTR_EL2 and CNTHCTL_EL2 are written in
// both.
template <arch::Cpu C>
bool write_vel2(C& cpu, vncr::RegisterFile& file, arch::SysReg reg, u64 value) {
    using namespace arch;
    switch (reg) {
#define VEL2_REGISTER(own, hardware, vhe_name)  \
    case SysReg::own:                           \
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
