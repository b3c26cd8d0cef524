// SPDX-License-Identifier: GPL-2.0-only
#include <vgic/nested/ich.hpp>

#include <vgic/distributor.hpp>
#include <vgic/nested/nested_view.hpp>

namespace nest::vgic {
namespace {

using arch::SysReg;

constexpr u64 kSreValue = 0xf;  // Enable, no bypass, SRE: L1 cannot change it

bool is_active_priorities(SysReg reg) {
    return (reg >= SysReg::ICH_AP0R0_EL2 && reg <= SysReg::ICH_AP0R3_EL2) ||
           (reg >= SysReg::ICH_AP1R0_EL2 && reg <= SysReg::ICH_AP1R3_EL2);
}

bool exists(const CpuInterface& cpu, SysReg reg) {
    return !is_active_priorities(reg) || (arch::encoding_of(reg).op2() & 3) < cpu.active_priority_registers();
}

// Registers whose value is computed, and not stored in the register file.
bool is_constant(SysReg reg) { return reg == SysReg::ICC_SRE_EL2 || reg == SysReg::ICH_VTR_EL2; }

u64 constant(const CpuInterface& cpu, SysReg reg) {
    return reg == SysReg::ICC_SRE_EL2 ? kSreValue : nested_vtr(cpu.distributor->gic());
}

}  // namespace

bool user_has_el2_register(SysReg reg) {
    return is_active_priorities(reg) || is_constant(reg) || reg == SysReg::ICH_HCR_EL2 || reg == SysReg::ICH_VMCR_EL2 ||
           (reg >= SysReg::ICH_LR0_EL2 && reg <= SysReg::ICH_LR15_EL2);
}

Result<u64> user_get_el2_register(const CpuInterface& cpu, SysReg reg) {
    if (!exists(cpu, reg))
        return Errno::kInval;
    return is_constant(reg) ? constant(cpu, reg) : cpu.el2->get(reg);
}

Status user_set_el2_register(CpuInterface& cpu, SysReg reg, u64 value) {
    if (!exists(cpu, reg))
        return Errno::kInval;
    if (is_constant(reg))
        return value == constant(cpu, reg) ? kOk : Status(Errno::kInval);
    // Stored unchecked: L1 can store any value as well, and who uses a register masks it.
    cpu.el2->set(reg, value);
    return kOk;
}

}  // namespace nest::vgic
