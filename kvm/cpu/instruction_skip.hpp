// SPDX-License-Identifier: GPL-2.0-only
// Stepping over an instruction that was emulated, and the condition that an AArch32 instruction may carry.
#pragma once
#include <arch/syndrome.hpp>
#include <base/tier0.hpp>
#include <kvm/cpu/cpu_state.hpp>

namespace nest::kvm {

namespace detail {
void skip_aarch32(vhe::GuestContext& context);
}

// Moves PC past the instruction that context.esr describes, and changes PSTATE as hardware would: BTYPE and SS are cleared in
// AArch64, ITSTATE advances in AArch32. No locks; any tier.
NEST_TIER0 inline void skip_instruction(CpuState& state) {
    using P = arch::SPSR_EL2;
    vhe::GuestContext& context = state.context;
    if (context.pstate & P::M4::kMask) [[unlikely]]
        detail::skip_aarch32(context);
    else {
        context.pc += 4;
        context.pstate &= ~P::BTYPE::kMask;
    }
    context.pstate &= ~P::SS::kMask;
}

// Does an A32/T32 condition hold for NZCV (in bits 3:0)? 0xe and 0xf are "always".
bool condition_holds(unsigned condition, unsigned nzcv);

// False: the condition of the trapped AArch32 instruction (context.esr) fails, and the instruction is to be skipped. Hardware
// may take such traps although the condition fails ([DDI0487] G1.11.5).
bool trapped_instruction_executes(const CpuState& state);

}  // namespace nest::kvm
