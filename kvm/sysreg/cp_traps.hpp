// SPDX-License-Identifier: GPL-2.0-only
// Trapped coprocessor accesses (EC 0x03 to 0x06, 0x08, 0x0c) of AArch32 user code: MRC, MCR, MRRC, MCRR, LDC, STC, VMRS.
#pragma once
#include <kvm/cpu/cpu_state.hpp>
#include <kvm/sysreg/sysreg_hooks.hpp>

namespace nest::kvm {

// Performs the access that context.esr describes, or nothing when its condition fails; on kDone has set the destination
// registers. PC stays: give the result to finish_trap(). Context: as emulate_sysreg().
Emulation emulate_cp(CpuState& state, SysregHooks& hooks);

}  // namespace nest::kvm
