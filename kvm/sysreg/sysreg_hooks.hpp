// SPDX-License-Identifier: GPL-2.0-only
// What an emulated access needs beyond CpuState: timers, the vGIC, stage 2. The vCPU implements it.
#pragma once
#include <arch/sysreg.hpp>

namespace nest::kvm {

// What became of a trapped access.
enum class Emulation : u8 {
    kDone,       // executed: step over the instruction
    kUndefined,  // UNDEFINED in the guest
    kIdTrap,     // EC 0x18 to the guest's EL1: FEAT_IDST
    kTier1,      // not possible in tier 0: leave the guest context and emulate the same access again
};

// Virtual for the tests of this room, which has no vCPU; the other implementation is in kvm/exits/vcpu_hooks.cpp.
// Context: that of emulate_sysreg. `value` is the result of a read, the operand of a write. An implementation that cannot
// finish with interrupts off answers kTier1 in tier 0, before it changed anything.
class SysregHooks {
public:
    // CNT* registers at their EL0 names.
    virtual Emulation timer(arch::SysReg reg, bool is_read, u64& value) = 0;
    // ICC_SGI1R_EL1, ICC_ASGI1R_EL1, ICC_SGI0R_EL1. kUndefined when the VM has no vGIC.
    virtual Emulation send_sgi(arch::SysReg reg, u64 value) = 0;
    // Any other register of the CPU interface. kUndefined when the VM has no vGIC.
    virtual Emulation gic(arch::SysReg reg, bool is_read, u64& value) = 0;
    // DC by set/way: only where stage 2 does not force write-back (no FEAT_S2FWB) is there anything to do.
    virtual Emulation set_way() = 0;
    // Under HCR_EL2.TVM: SCTLR_EL1.{M,C} changed as a pair between "both set" and not.
    virtual Emulation caches_switched(bool enabled) = 0;
    // Before a write that changes MDSCR_EL1, a breakpoint register or the OS Lock. kTier1 in tier 0: the hardware gets the
    // new values at the next activation only (kvm/cpu/guest_debug.hpp). kDone otherwise.
    virtual Emulation debug_write() = 0;

protected:
    ~SysregHooks() = default;
};

}  // namespace nest::kvm
