// SPDX-License-Identifier: GPL-2.0-only
// TLB maintenance of virtual EL2's own regime (Regime::kEl20 and kEl2): the most frequent exit of an L1 kernel that hosts
// nothing.
#pragma once
#include <arch/cpu.hpp>
#include <nested/vel2/system_instruction.hpp>

namespace nest::nested {

// Xt for the instruction that is executed: without E2H there are no ASIDs, and hardware has all of virtual EL2 under ASID 0.
constexpr u64 vel2_tlbi_operand(const TlbiOp& op, u64 operand) {
    return op.regime == Regime::kEl2 ? operand & 0x0000'ffff'ffff'ffff : operand;
}

// Executes L1's TLBI for what virtual EL2's regime is in hardware: stage 1 of EL1&0 under the VM's own VMID; inner shareable. The
// regime with E2H and the one without are not told apart: what is dropped of the other one is walked again. The guest context is
// loaded and the vCPU at virtual EL2, so that VTTBR_EL2 is the canonical one. No barrier: L1's own DSB, on this same PE, waits for the TLBI ([DDI0487] D8.16.5). The
// software's translations of L1's VNCR_EL2 (vncr/translations.hpp) are in no TLB: the caller drops those.
inline void execute_vel2_tlbi(arch::Cpu& cpu, const TlbiOp& op, u64 xt) {
    using enum arch::Tlbi;
    const u64 operand = vel2_tlbi_operand(op, xt);
    switch (op.scope) {
    case TlbiScope::kVa:
        if (op.range)
            return op.last_level ? cpu.tlbi<RVALE1IS>(operand) : cpu.tlbi<RVAE1IS>(operand);
        return op.last_level ? cpu.tlbi<VALE1IS>(operand) : cpu.tlbi<VAE1IS>(operand);
    case TlbiScope::kVaAllAsids:
        if (op.range)
            return op.last_level ? cpu.tlbi<RVAALE1IS>(operand) : cpu.tlbi<RVAAE1IS>(operand);
        return op.last_level ? cpu.tlbi<VAALE1IS>(operand) : cpu.tlbi<VAAE1IS>(operand);
    case TlbiScope::kAsid: return cpu.tlbi<ASIDE1IS>(operand);
    default: return cpu.tlbi<VMALLE1IS>(0);
    }
}

}  // namespace nest::nested
