// SPDX-License-Identifier: GPL-2.0-only
// Self-hosted debug of the guest, and debugging of the guest by its VMM (KVM_SET_GUEST_DEBUG): who owns MDSCR_EL1, the
// breakpoint registers and the single-step state while the guest runs. [DDI0487] D2.
#pragma once
#include <base/result.hpp>
#include <kvm/abi/registers.hpp>
#include <kvm/abi/run.hpp>
#include <kvm/cpu/cpu_state.hpp>
#include <vhe/world_switch.hpp>

namespace nest::kvm {

// KVM_SET_GUEST_DEBUG. kInval: a flag that we do not know. Holder of the vCPU's mutex.
Status set_guest_debug(CpuState& state, const abi::GuestDebug& request);

// At the start of KVM_RUN and after a KVM_SET_GUEST_DEBUG: takes over PSTATE.SS if the VMM steps. Idempotent.
void enter_guest_debug(CpuState& state);

// At the end of KVM_RUN: PSTATE.SS is the guest's again. A step that emulation has completed stays pending. Idempotent.
void leave_guest_debug(CpuState& state);

// What the hardware is given for the next entry. The guest's own debug registers always trap (MDCR_EL2.TDA) and are kept in
// memory: they are loaded only while it has MDSCR_EL1.MDE or KDE set, and need not be read back. Any tier.
vhe::DebugEntry debug_entry(const CpuState& state);

// An exit by a debug exception (EC 0x30 to 0x3c) while the VMM debugs: fills in kvm_run, and the exit goes to the VMM.
// False when no VMM does: nothing was routed to us, the exception is not ours to explain.
bool report_debug_exit(CpuState& state, abi::Run& run);

// Must the VMM be told at once that the emulated instruction was its step? True right after an emulation that the kernel
// completed while the VMM single-steps; kvm_run is then filled in as for the exception.
bool report_emulated_step(CpuState& state, abi::Run& run);

// `e`: arch::is_breakpoint_register().
u64& debug_bank_register(BreakpointBank& bank, arch::Encoding e);

// OSLSR_EL1: an OS Lock exists (OSLM), and whether it is set.
constexpr u64 oslsr(const DebugState& debug) { return u64{8} | (debug.os_lock ? 2 : 0); }

}  // namespace nest::kvm
