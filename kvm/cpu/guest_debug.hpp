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

// What the hardware is given for the next entry. The guest's accesses to its own debug registers always trap (MDCR_EL2.TDA),
// and their values are in memory: so hardware gets them only while the guest has MDSCR_EL1.MDE or KDE set, and they need not
// be read back. Any tier.
vhe::DebugEntry debug_entry(const CpuState& state);

// An exit by a debug exception (EC 0x30 to 0x3c). True: the VMM debugs the guest, and kvm_run is filled in. False: no VMM
// debugs the guest, so that MDCR_EL2.TDE is clear and no such exit is expected.
bool report_debug_exit(CpuState& state, abi::Run& run);

// Must the VMM be told at once that its single-step is done? True right after the kernel has emulated the instruction that the
// VMM stepped; kvm_run is then filled in as for the step exception.
bool report_emulated_step(CpuState& state, abi::Run& run);

// `e`: arch::is_breakpoint_register().
u64& debug_bank_register(BreakpointBank& bank, arch::Encoding e);

// OSLSR_EL1: an OS Lock exists (OSLM), and whether it is set.
constexpr u64 oslsr(const DebugState& debug) { return u64{8} | (debug.os_lock ? 2 : 0); }

}  // namespace nest::kvm
