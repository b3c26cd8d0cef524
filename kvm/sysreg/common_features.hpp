// SPDX-License-Identifier: GPL-2.0-only
// What all CPUs have in common. The kernel's system-wide values hold for the CPUs that have been up so far. The module decides
// by them once, at load, what it uses and what it shows to guests: so a CPU that comes up later must not have less.
#pragma once
#include <arch/cpu.hpp>
#include <base/rows.hpp>
#include <kvm/cpu/cpu.hpp>
#include <nested/vel2/features.hpp>
#include <vgic/host_gic.hpp>

namespace nest::kvm {

struct CommonField {
    arch::SysReg reg;
    u8 low;
    const char* name;
};
inline constexpr CommonField kCommonFields[] = {
#define COMMON(reg, low, name) {arch::SysReg::reg, low, name},
#include <kvm/sysreg/common_features.def>
#undef COMMON
};

class CommonFeatures {
public:
    // At load, from the system-wide values and this CPU's GIC.
    void note(vgic::HostGic gic, bool nv2_alone, bool nv1);
    // The name of what `c`, the calling CPU, lacks; nullptr: nothing. Preemption off.
    const char* lacking(Cpu& c) const;

private:
    u8 fields_[kRowCount<kCommonFields>] = {};
    vgic::HostGic gic_{};
    bool nv2_alone_ = false;
    bool nv1_ = false;
};

// FEAT_NV2 on a CPU that has no FEAT_NV without it (ID_AA64MMFR4_EL1.NV_frac), just as virtual EL2. Kernels that
// do not know the field have no system-wide value of it, so this reads the calling CPU's.
inline bool has_nv2_alone(Cpu& c) {
    using namespace arch;
    return c.read<ID_AA64MMFR2_EL1>().get<ID_AA64MMFR2_EL1::NV>() == 0 &&
           c.read<ID_AA64MMFR4_EL1>().get<ID_AA64MMFR4_EL1::NV_frac>() >= 1;
}

// HCR_EL2.NV1, on a CPU with FEAT_NV. This reads the calling CPU's register, for the same reason.
inline bool has_nv1(Cpu& c) {
    return c.read<arch::ID_AA64MMFR4_EL1>().get<arch::ID_AA64MMFR4_EL1::E2H0>() != nested::kE2h0AndNv1Absent;
}

}  // namespace nest::kvm
