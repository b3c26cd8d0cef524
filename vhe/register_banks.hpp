// SPDX-License-Identifier: GPL-2.0-only
// el1_registers.def and vel2_registers.def as tables: what is in hardware's EL1 registers while a guest is loaded.
#pragma once
#include <arch/registers.hpp>
#include <base/rows.hpp>

namespace nest::vhe {

enum class Bank : u8 { kBanked, kShared };
struct El1Register {
    arch::SysReg guest, hardware;
    Bank bank;
};
inline constexpr El1Register kEl1Registers[] = {
#define EL1_REGISTER(guest, hardware, bank) {arch::SysReg::guest, arch::SysReg::hardware, Bank::bank},
#include <vhe/el1_registers.def>
#undef EL1_REGISTER
};

struct Vel2Register {
    arch::SysReg el2_name, hardware, vhe_name;
};
inline constexpr Vel2Register kVel2Registers[] = {
#define VEL2_REGISTER(el2_name, hardware, vhe_name) \
    {arch::SysReg::el2_name, arch::SysReg::hardware, arch::SysReg::vhe_name},
#include <vhe/vel2_registers.def>
#undef VEL2_REGISTER
};

}  // namespace nest::vhe
