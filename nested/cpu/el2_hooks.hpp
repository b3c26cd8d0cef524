// SPDX-License-Identifier: GPL-2.0-only
// What an access of virtual EL2 needs beyond its registers: timers, the vGIC, the shadow MMU. The vCPU implements it.
#pragma once
#include <nested/vel2/system_instruction.hpp>

namespace nest::nested {

// What became of a trapped access.
enum class Outcome : u8 {
    kDone,       // executed; PC is past it and Rt is set
    kUndefined,  // take_exception(Exception::undefined())
    kSveTrap,    // take_exception(Exception::sve_access()): L1's own CPTR_EL2 traps the access
    kTier1,  // not possible in tier 0: leave the guest context and emulate the same access again; nothing has changed
    kFlat,  // nothing of virtual EL2's: as for a flat guest (kvm/sysreg/sysreg_traps.cpp)
};

// Virtual for the tests of this room, which has no vCPU; the other implementation is in kvm/nested/sysreg.cpp.
// Context: that of the exit. An implementation answers kDone, kUndefined, or kTier1 before it changed anything.
class El2Hooks {
public:
    // CNTHP_*, CNTHV_*, and the EL02 names.
    virtual Outcome timer(arch::SysReg reg, bool is_read, u64& value) = 0;
    // ICH_VTR_EL2, ICH_MISR_EL2, ICH_EISR_EL2, ICH_ELRSR_EL2: computed from the VNCR page.
    virtual Outcome gic(arch::SysReg reg, u64& value) = 0;
    // `operand`: Xt. kEl20: execute_vel2_tlbi() (vel2_tlbi.hpp). kEl10: shadow_tlbi() (tlbi_scope.hpp) and the shadow
    // MMU.
    virtual Outcome tlbi(const TlbiOp& op, u64 operand) = 0;
    // L1 has written HCR_EL2 so that VirtualEl2::form_is_stale(): before virtual EL2's next instruction.
    virtual void form_changed() = 0;
    // Leaves its result in PAR_EL1.
    virtual Outcome at(const AtOp& op) = 0;

protected:
    ~El2Hooks() = default;
};

}  // namespace nest::nested
