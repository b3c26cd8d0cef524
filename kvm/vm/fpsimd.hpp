// SPDX-License-Identifier: GPL-2.0-only
// The FP/SIMD registers, lent by the kernel: taken at the guest's first use, and given back before the kernel may use them
// (docs/architecture.md, FP/SIMD).
#pragma once
#include <kvm/vm/vcpu.hpp>
#include <vhe/native.hpp>

namespace nest::kvm {

// FP/SIMD is the guest's already, as is `fp`: now SVE's registers are, too, in each stay in the guest (kvm/vm/sve.hpp).
inline void open_sve(Vcpu& vcpu) {
    vcpu.sve.merge_v(vcpu.fp);
    vcpu.fp_open = {vhe::FpOpen::kFp | vhe::FpOpen::kSve};
}

// From here to release_fpsimd() the thread owns the registers. Interrupts on.
inline void borrow_fpsimd(Vcpu& vcpu) {
    nest_port_fpsimd_begin(vcpu.host);
    nest_fpsimd_load(&vcpu.fp);
    vcpu.fp_open = {vhe::FpOpen::kFp};
    if (vcpu.sve.used()) [[unlikely]]
        open_sve(vcpu);
}

// The guest has used FP/SIMD. A kernel that keeps what it lends across preemption lends the registers here. One that does not
// (before Linux 6.8) lends them to pass_through_guest() (kvm/run/run.cpp), each time: from here the thread may still sleep.
inline void acquire_fpsimd(Vcpu& vcpu) {
    if (vcpu.fp_loaded())
        return;
    if (nest_port_fpsimd_survives_preemption())
        borrow_fpsimd(vcpu);
    else
        vcpu.fp_wanted = true;
}

inline void release_fpsimd(Vcpu& vcpu) {
    if (!vcpu.fp_loaded())
        return;
    nest_fpsimd_save(&vcpu.fp);
    vcpu.fp_open = {};
    nest_port_fpsimd_end(vcpu.host);
}

}  // namespace nest::kvm
