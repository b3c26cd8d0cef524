// SPDX-License-Identifier: GPL-2.0-only
// An L1 that takes IRQs and leaves FIQs to its guest, or the reverse: HCR_EL2.IMO and FMO differ.
//
// Hardware holds the CPU interface that L1 has built, for the group that L1 takes and all that is common (PMR, CTLR, RPR, DIR:
// [IHI0069] 12.1.1). The registers of the group that L1 leaves are those of L1's own interface, which is in memory meanwhile: they trap
// (left_group_traps()) and are done here. Its line is HCR_EL2.VI or VF, which the caller sets by signalled_over_running().
//
// The vCPU in L2, L2's interface loaded and synced, interrupts off or preemption off; left_group_write() may halt the VM: sleepable
// context.
#pragma once
#include <arch/sysreg.hpp>
#include <vgic/cpu_interface.hpp>
#include <vncr/register_file.hpp>

namespace nest::vgic {

// Group 0 or 1; kNoGroup: L1 takes both or neither.
inline constexpr unsigned kNoGroup = 2;
inline unsigned left_group(arch::HCR_EL2 l1) {
    const bool irq = l1.get<arch::HCR_EL2::IMO>(), fiq = l1.get<arch::HCR_EL2::FMO>();
    return irq == fiq ? kNoGroup : irq ? 0 : 1;
}

// The bit of ICH_HCR_EL2 that makes the group's registers trap.
inline u64 left_group_traps(const vncr::RegisterFile& file) {
    using arch::ICH_HCR_EL2;
    const unsigned group = left_group(file.get<arch::HCR_EL2>());
    return group == kNoGroup ? 0 : group ? ICH_HCR_EL2::TALL1::kMask : ICH_HCR_EL2::TALL0::kMask;
}

// A trapped access. False: not a register of `group` (0 or 1), or a direction that the register does not have.
bool left_group_read(CpuInterface& l1, unsigned group, arch::SysReg reg, u64& value);
bool left_group_write(CpuInterface& l1, unsigned group, arch::SysReg reg, u64 value);

}  // namespace nest::vgic
