// SPDX-License-Identifier: GPL-2.0-only
// A guest's own GICv3 at EL1 or EL2, as far as PPIs and SGIs need it.
#pragma once

#include "regs.hpp"

namespace nest::guests {

// Distributor, and this vCPU's redistributor and CPU interface; all group 1. HCR_EL2.IMO stays the caller's.
void gic_init();
void gic_init_cpu();            // without the distributor
inline volatile u32& distributor(u64 offset) { return memory32(kDistributor + offset); }
// Where this vCPU's redistributor begins.
inline u64 redistributor_base() { return kRedistributor + (READ("mpidr_el1") & 0xff) * 0x2'0000; }
void gic_enable(u32 intid);     // an SGI or PPI of this vCPU
// SGI to the vCPU of affinity 0.0.0.`cpu`.
inline void gic_send(u64 sgi, unsigned cpu) {
    WRITE("icc_sgi1r_el1", sgi << 24 | u64{1} << cpu);
    isb();
}
// It becomes one of group 0, which is enabled from now on: ICC_IAR0_EL1 and ICC_EOIR0_EL1 are its registers.
void gic_use_group0(u32 intid);
void gic_set_priority(u32 intid, u32 priority);
u64 gic_acknowledge();          // 1023: nothing is pending
void gic_end(u64 intid);
bool gic_is_pending(u32 intid);
bool gic_is_active(u32 intid);
void gic_set_active(u32 intid);

}  // namespace nest::guests
