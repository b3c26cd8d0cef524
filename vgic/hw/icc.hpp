// SPDX-License-Identifier: GPL-2.0-only
// The CPU interface's system registers where hardware does not run them: user space's view, and trapped accesses.
#pragma once
#include <arch/sysreg.hpp>
#include <base/result.hpp>
#include <vgic/cpu_interface.hpp>

namespace nest::vgic {

// ICC_SRE_EL1: system registers only, no bypass; no guest can change it.
inline constexpr u64 kSreValue = 7;

// KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS. The vCPU is not loaded. ENOENT: no such register; EINVAL: a value that this machine
// cannot have, or an active-priority register that it does not have.
bool user_has_register(arch::SysReg reg);
Result<u64> user_get_register(const CpuInterface& cpu, arch::SysReg reg);
Status user_set_register(CpuInterface& cpu, arch::SysReg reg, u64 value);

// A trapped access of the guest: the SGI registers always trap; DIR, and on a GIC without ICH_VTR_EL2.TDS also PMR,
// CTLR and RPR, while flush() asked for it; ICC_SRE_EL1 where GICv2 compatibility exists. False: not one of them, or a
// direction that it does not have: the access is undefined.
// Sleepable context, the vCPU synced (for RPR also save_active_priorities()); the SGI registers: any context.
bool trapped_read(const CpuInterface& cpu, arch::SysReg reg, u64& value);
bool trapped_write(CpuInterface& cpu, arch::SysReg reg, u64 value);

}  // namespace nest::vgic
