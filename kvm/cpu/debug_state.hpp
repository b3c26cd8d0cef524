// SPDX-License-Identifier: GPL-2.0-only
// A vCPU's debug state: breakpoints and watchpoints of the guest, and of a VMM that debugs the guest (guest_debug.hpp).
#pragma once
#include <vhe/breakpoint_bank.hpp>

namespace nest::kvm {

using vhe::BreakpointBank;

struct DebugState {
    BreakpointBank guest{};            // after a change: note_armed()
    bool armed = false;                // one of `guest` is enabled
    BreakpointBank vmm{};              // KVM_SET_GUEST_DEBUG with KVM_GUESTDBG_USE_HW
    u32 control = 0;                   // KVM_GUESTDBG_* of the last KVM_SET_GUEST_DEBUG
    bool os_lock = false;              // OSLSR_EL1.OSLK
    bool step_state_replaced = false;  // PSTATE.SS is ours, and `saved_pstate_ss` the guest's
    bool step_pending = false;         // the instruction to step was emulated: report it before the next one
    u64 saved_pstate_ss = 0;           // in its place, bit 21

    void note_armed() { armed = guest.any_enabled(); }
};

}  // namespace nest::kvm
