// SPDX-License-Identifier: GPL-2.0-only
// SVE's registers around a stay in the guest. The kernel keeps FP/SIMD registers that it lends (kvm/vm/fpsimd.hpp), but of the Z
// registers only the low 128 bits, and nothing of P and FFR: a softirq that uses FP/SIMD, or a switch of tasks, loses the rest. So
// SVE's registers are in hardware only while interrupts are off. The host's own were saved when FP/SIMD was lent.
#pragma once
#include <kvm/vm/fpsimd.hpp>

namespace nest::kvm {

// The guest has used SVE for the first time since its registers were taken. Interrupts on.
inline void acquire_sve(Vcpu& vcpu) {
    vcpu.sve.note_use();
    if (!vcpu.fp_loaded())
        return acquire_fpsimd(vcpu);
    nest_fpsimd_save(&vcpu.fp);
    open_sve(vcpu);
}

namespace detail {
void enter_sve(Vcpu& vcpu);
void leave_sve(Vcpu& vcpu);
}  // namespace detail

// Interrupts off from enter_sve() to leave_sve(), with the host's CPTR_EL2 at both.
inline void enter_sve(Vcpu& vcpu) {
    if (vcpu.fp_open.sve()) [[unlikely]]
        detail::enter_sve(vcpu);
}
inline void leave_sve(Vcpu& vcpu) {
    if (vcpu.fp_open.sve()) [[unlikely]]
        detail::leave_sve(vcpu);
}

}  // namespace nest::kvm
