// SPDX-License-Identifier: GPL-2.0-only
// What the ID registers of a VM with virtual EL2 show, given what those of a flat VM on the same machine would.
#pragma once
#include <arch/registers.hpp>

namespace nest::nested {

struct ShownEl2 {
    bool vhe = true;   // HCR_EL2.E2H may be 1; false: KVM_ARM_VCPU_HAS_EL2_E2H0
    bool e2h0 = true;  // HCR_EL2.E2H may be 0
    bool nv2 = true;   // L1 may give NV2 to its own guests
};

// `host`: the system-wide value; `flat`: what kvm/cpu/id_registers shows a VM without EL2. For a register in the space
// (3, 0, 0, 1..7, x), and CTR_EL0; any other comes back as `flat`. Pure.
u64 id_register_with_el2(arch::SysReg reg, u64 host, u64 flat, ShownEl2 shown);

// Is it one of the AArch32 ID registers? All of them are 0: no EL of such a VM has AArch32.
constexpr bool is_aarch32_id_register(arch::Encoding e) {
    return e.op0() == 3 && e.op1() == 0 && e.crn() == 0 && e.crm() >= 1 && e.crm() <= 3;
}

}  // namespace nest::nested
