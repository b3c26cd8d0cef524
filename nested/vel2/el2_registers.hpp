// SPDX-License-Identifier: GPL-2.0-only
// L1's EL2 registers as one table: el2_registers.def.
#pragma once
#include <nested/vel2/features.hpp>
#include <nested/vel2/virtual_el2.hpp>

namespace nest::nested {

enum class El2Kind : u8 { kBanked, kMemory, kGic, kTimer, kSre, kZcr, kUndefined };  // see el2_registers.def

struct El2Register {
    arch::SysReg reg;
    El2Kind kind;
    Feature feature;
    bool shown;
    u64 reset;
};

// nullptr: not a register of virtual EL2. Any context.
const El2Register* find_el2_register(arch::Encoding e);

// Set the vCPU's MIDR_EL1 or MPIDR_EL1, with the state in memory; also without virtual EL2. VPIDR_EL2 or VMPIDR_EL2, which
// a reset makes equal to it ([DDI0487] D24.2), follows as long as both are equal: a value from user space or L1 stays.
void set_midr(VirtualEl2& v, u64 midr);
void set_mpidr(VirtualEl2& v, u64 mpidr);
// KVM_ARM_VCPU_INIT and PSCI CPU_ON, with the state in memory: all to their reset values, VPIDR_EL2 and VMPIDR_EL2 to
// the VM's MIDR_EL1 and MPIDR_EL1, PSTATE to EL2h with everything masked, the world to virtual EL2. To be called after
// the flat reset, which has set the EL1 registers.
void reset_el2(VirtualEl2& v);

// KVM_{GET,SET}_ONE_REG and KVM_GET_REG_LIST, with the state in memory: is `e` one of the registers that a VMM moves?
bool has_one_reg(const VirtualEl2& v, arch::Encoding e);
// Only for an `e` with has_one_reg(). A value comes back as it was written, but for bits that do not exist.
u64 get_one_reg(const VirtualEl2& v, arch::Encoding e);
void set_one_reg(VirtualEl2& v, arch::Encoding e, u64 value);

}  // namespace nest::nested
