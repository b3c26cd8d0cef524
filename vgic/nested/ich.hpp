// SPDX-License-Identifier: GPL-2.0-only
// KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS of a vCPU with EL2: the GIC's EL2 registers as user space sees them.
#pragma once
#include <arch/sysreg.hpp>
#include <base/result.hpp>
#include <vgic/cpu_interface.hpp>

namespace nest::vgic {

bool user_has_el2_register(arch::SysReg reg);
// For a register with user_has_el2_register(), of a vCPU with CpuInterface::el2 that is not loaded. EINVAL: an active-priority
// register that the machine lacks, or another value for a register that cannot be written.
Result<u64> user_get_el2_register(const CpuInterface& cpu, arch::SysReg reg);
Status user_set_el2_register(CpuInterface& cpu, arch::SysReg reg, u64 value);

}  // namespace nest::vgic
