// SPDX-License-Identifier: GPL-2.0-only
// What the host had in registers that a guest takes over: one per physical CPU, valid between load and put.
#pragma once
#include <arch/registers.hpp>
#include <vhe/branch_history.hpp>
#include <vhe/breakpoint_bank.hpp>
#include <vhe/guest_context.hpp>
#include <vhe/offsets.h>

namespace nest::vhe {

struct HostContext {
    u64 key_ia[2];  // of the thread that runs the vCPU; enter.S puts it back at each exit
    u64 flags;      // bit HOST_HAS_PAUTH_BIT
    ExitDefence defence;  // of this CPU, for good; enter.S
    u64 other_keys[8];
    u64 sp_el0;     // the kernel's current thread, for nest_hyp_exception() alone

    // Swapped at load and put: these mean nothing to the host's kernel while TGE is set, at most to its user space.
    u64 tpidr_el0;
    u64 tpidrro_el0;
    arch::MDCR_EL2 mdcr;
    arch::HCRX_EL2 hcrx;
    arch::HFGRTR_EL2 hfgrtr;
    arch::HFGWTR_EL2 hfgwtr;
    arch::HFGITR_EL2 hfgitr;
    arch::HDFGRTR_EL2 hdfgrtr;
    arch::HDFGWTR_EL2 hdfgwtr;
    arch::HAFGRTR_EL2 hafgrtr;
    arch::HFGRTR2_EL2 hfgrtr2;
    arch::HFGWTR2_EL2 hfgwtr2;
    arch::HFGITR2_EL2 hfgitr2;
    arch::HDFGRTR2_EL2 hdfgrtr2;
    arch::HDFGWTR2_EL2 hdfgwtr2;
    arch::MPAM2_EL2 mpam2;
    arch::MPAMHCR_EL2 mpamhcr;

    // Swapped at each entry and exit: the host's kernel cannot run with the guest's values.
    arch::HCR_EL2 hcr;
    arch::VBAR_EL2 vbar;
    arch::CPTR_EL2 cptr;
    arch::MDSCR_EL1 mdscr;
    bool bank_swapped;     // a guest's breakpoints are in the hardware, and `bank` holds the host's
    BreakpointBank bank;
};
static_assert(offsetof(HostContext, key_ia) == HOST_KEY_IA);
static_assert(offsetof(HostContext, flags) == HOST_FLAGS);
static_assert(offsetof(HostContext, defence) == HOST_DEFENCE && offsetof(ExitDefence, firmware_call) == 4);
static_assert(offsetof(GuestContext, x[30]) == GUEST_X(30));
static_assert(offsetof(GuestContext, sp_el0) == GUEST_SP_EL0);
static_assert(offsetof(GuestContext, pc) == GUEST_PC && offsetof(GuestContext, pstate) == GUEST_PC + 8);
static_assert(offsetof(GuestContext, keys) == GUEST_KEY_IA);
static_assert(offsetof(FpState, fpsr) == 512 && offsetof(FpState, fpcr) == 516);

}  // namespace nest::vhe
