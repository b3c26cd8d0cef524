// SPDX-License-Identifier: GPL-2.0-only
// Group priorities and the running priority, of a CPU interface whose state is in memory (CpuInterface::hw). No lock: only the
// vCPU's own thread. [IHI0069] 4.8.
#pragma once
#include <vgic/distributor.hpp>

namespace nest::vgic {

// How far a priority lies above the number of its bit in the active-priority registers.
inline unsigned priority_shift(const CpuInterface& cpu) {
    return 7u - static_cast<unsigned>(cpu.distributor->gic().vtr.get<arch::ICH_VTR_EL2::PREbits>());
}

// The bits of a priority that count for preemption: those above the binary point, and no more than there are levels. With CBPR
// group 1 has group 0's.
inline u32 preemption_mask(const CpuInterface& cpu, unsigned group) {
    using arch::ICH_VMCR_EL2;
    const auto vmcr = ICH_VMCR_EL2::of(cpu.hw.vmcr);
    const bool own = group && !vmcr.get<ICH_VMCR_EL2::VCBPR>();
    const u64 below = own ? vmcr.get<ICH_VMCR_EL2::VBPR1>() : vmcr.get<ICH_VMCR_EL2::VBPR0>() + 1;
    return 0xffu << (below > priority_shift(cpu) ? below : priority_shift(cpu)) & 0xff;
}

// ICC_RPR_EL1: the highest active group priority, 0xff when idle. Bit n of the registers is group priority n.
inline u32 running_priority(const CpuInterface& cpu) {
    for (unsigned i = 0; i < cpu.distributor->gic().active_priority_registers(); i++)
        if (const u32 active = cpu.hw.ap0r[i] | cpu.hw.ap1r[i])
            return (i * 32 + static_cast<unsigned>(__builtin_ctz(active))) << priority_shift(cpu);
    return 0xff;
}

inline void set_active_priority(CpuInterface& cpu, unsigned group, u32 priority) {
    const unsigned n = (priority & preemption_mask(cpu, group)) >> priority_shift(cpu);
    (group ? cpu.hw.ap1r : cpu.hw.ap0r)[n / 32] |= u32{1} << n % 32;
}

// The priority drop of an EOI. False, and nothing done: the highest active priority is not of `group`.
inline bool drop_priority(CpuInterface& cpu, unsigned group) {
    for (unsigned i = 0; i < cpu.distributor->gic().active_priority_registers(); i++) {
        u32& own = group ? cpu.hw.ap1r[i] : cpu.hw.ap0r[i];
        const u32 lowest = (cpu.hw.ap0r[i] | cpu.hw.ap1r[i]) & -(cpu.hw.ap0r[i] | cpu.hw.ap1r[i]);
        if (!lowest)
            continue;
        const bool is_own = own & lowest;
        own &= ~lowest;
        return is_own;
    }
    return false;
}

}  // namespace nest::vgic
