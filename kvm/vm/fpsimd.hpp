// SPDX-License-Identifier: GPL-2.0-only
// The FP/SIMD registers, lent by the kernel: taken at the guest's first use, and given back before the kernel may use them
// (docs/architecture.md, FP/SIMD).
#pragma once
#include <kvm/vm/vcpu.hpp>
#include <vhe/native.hpp>

namespace nest::kvm {

// From here to release_fpsimd() the thread owns the registers; the kernel keeps them across preemption. Interrupts on.
inline void acquire_fpsimd(Vcpu& vcpu) {
    if (vcpu.fp_loaded)
        return;
    nest_port_fpsimd_begin(vcpu.host);
    nest_fpsimd_load(&vcpu.fp);
    vcpu.fp_loaded = true;
}

inline void release_fpsimd(Vcpu& vcpu) {
    if (!vcpu.fp_loaded)
        return;
    nest_fpsimd_save(&vcpu.fp);
    vcpu.fp_loaded = false;
    nest_port_fpsimd_end(vcpu.host);
}

}  // namespace nest::kvm
