// SPDX-License-Identifier: GPL-2.0-only
#include <arch/syndrome.hpp>
#include <kvm/cpu/guest_debug.hpp>

namespace nest::kvm {
namespace {

using namespace arch;

constexpr u64 kSs = SPSR_EL2::SS::kMask;
constexpr u32 kKnownFlags =
    abi::KVM_GUESTDBG_ENABLE | abi::KVM_GUESTDBG_SINGLESTEP | abi::KVM_GUESTDBG_USE_SW_BP | abi::KVM_GUESTDBG_USE_HW;

void copy(u64 (&to)[16], const u64 (&from)[16]) {
    for (unsigned i = 0; i < 16; i++)
        to[i] = from[i];
}

bool steps(const DebugState& debug) { return debug.control & abi::KVM_GUESTDBG_SINGLESTEP; }

void take_step_state(CpuState& state) {
    DebugState& debug = state.debug;
    if (debug.step_state_replaced)
        return;
    debug.saved_pstate_ss = state.context.pstate & kSs;
    debug.step_state_replaced = true;
    // SS set: one instruction runs, then the step exception comes. SS clear: the exception comes at once.
    state.context.pstate = (state.context.pstate & ~kSs) | (debug.step_pending ? 0 : kSs);
}

void give_back_step_state(CpuState& state) {
    DebugState& debug = state.debug;
    if (!debug.step_state_replaced)
        return;
    debug.step_pending = steps(debug) && !(state.context.pstate & kSs);
    state.context.pstate = (state.context.pstate & ~kSs) | debug.saved_pstate_ss;
    debug.step_state_replaced = false;
}

void fill(abi::Run& run, u64 esr, u64 far) {
    run.exit_reason = abi::KVM_EXIT_DEBUG;
    run.flags = abi::KVM_DEBUG_ARCH_HSR_HIGH_VALID;
    run.debug = {static_cast<u32>(esr), static_cast<u32>(esr >> 32), far};
}

}  // namespace

Status set_guest_debug(CpuState& state, const abi::GuestDebug& request) {
    DebugState& debug = state.debug;
    if (request.control & ~kKnownFlags)
        return Errno::kInval;
    if (!(request.control & abi::KVM_GUESTDBG_ENABLE)) {
        debug.control = 0;
        debug.step_pending = false;
        return kOk;
    }
    debug.control = request.control;
    if (request.control & abi::KVM_GUESTDBG_USE_HW) {
        copy(debug.vmm.bcr, request.bcr);
        copy(debug.vmm.bvr, request.bvr);
        copy(debug.vmm.wcr, request.wcr);
        copy(debug.vmm.wvr, request.wvr);
    }
    return kOk;
}

void enter_guest_debug(CpuState& state) {
    if (steps(state.debug))
        take_step_state(state);
    else
        give_back_step_state(state);
}

void leave_guest_debug(CpuState& state) { give_back_step_state(state); }

vhe::DebugEntry debug_entry(const CpuState& state) {
    const DebugState& debug = state.debug;
    auto mdscr = state.regs.get<MDSCR_EL1>();
    constexpr u64 enables = MDSCR_EL1::mask<MDSCR_EL1::MDE, MDSCR_EL1::KDE>();
    if (debug.control == 0 && !debug.os_lock) [[likely]]
        return {mdscr, mdscr.raw & enables ? &debug.guest : nullptr};
    // The VMM owns debugging, or the OS Lock masks all debug exceptions but those of breakpoint instructions.
    mdscr.raw &= ~(enables | MDSCR_EL1::SS::kMask);
    if (steps(debug))
        mdscr = mdscr.with<MDSCR_EL1::SS>(1);
    if (!(debug.control & abi::KVM_GUESTDBG_USE_HW))
        return {mdscr, nullptr};
    return {mdscr.with<MDSCR_EL1::MDE>(1).with<MDSCR_EL1::KDE>(1), &debug.vmm};
}

bool report_debug_exit(CpuState& state, abi::Run& run) {
    if (state.debug.control == 0)
        return false;
    auto esr = ESR_EL2::of(state.context.esr);
    u64 far = 0;
    switch (static_cast<Ec>(esr.get<ESR_EL2::EC>())) {
    case Ec::kWatchpointLower: far = state.context.far; break;
    case Ec::kSoftStepLower: state.context.pstate |= kSs; break;  // this step is reported: nothing is pending
    default: break;
    }
    fill(run, esr.raw, far);
    return true;
}

bool report_emulated_step(CpuState& state, abi::Run& run) {
    if (!state.debug.step_state_replaced || (state.context.pstate & kSs))
        return false;
    state.context.pstate |= kSs;
    fill(run, ESR_EL2{}.with<ESR_EL2::EC>(static_cast<u64>(Ec::kSoftStepLower)).with<ESR_EL2::IL>(1).with<ESR_EL2::ISS>(0x22).raw,
         0);
    return true;
}

u64& debug_bank_register(BreakpointBank& bank, Encoding e) {
    unsigned n = e.crm();
    switch (e.op2()) {
    case 4: return bank.bvr[n];
    case 5: return bank.bcr[n];
    case 6: return bank.wvr[n];
    default: return bank.wcr[n];
    }
}

}  // namespace nest::kvm
