// SPDX-License-Identifier: GPL-2.0-only
// Interrupts from devices, timers and other vCPUs.
#pragma once
#include <arch/sysreg.hpp>
#include <base/result.hpp>
#include <vgic/distributor.hpp>

namespace nest::vgic {

// A device's line changes: a level is set, an edge is latched when the line rises. Ignored before init(), and for a line that
// an in-kernel device owns unless `owner` is that device. EINVAL: no such interrupt. Any context, hard interrupts too; no lock
// of the vGIC held.
Status inject_spi(Distributor& distributor, unsigned intid, bool level);
Status inject_ppi(CpuInterface& cpu, unsigned intid, bool level, const void* owner = nullptr);
// inject_ppi() or inject_spi(), by `intid`; vcpu_index is ignored for an SPI.
Status inject(Distributor& distributor, unsigned vcpu_index, unsigned intid, bool level, const void* owner = nullptr);

// The level of L1's maintenance interrupt, which the vCPU has claimed (Distributor::claim_maintenance_ppi()).
void set_maintenance(CpuInterface& cpu, bool level);

// A write of ICC_SGI1R_EL1, ICC_ASGI1R_EL1 or ICC_SGI0R_EL1 by `from`. Any context.
void send_sgi(CpuInterface& from, arch::SysReg reg, u64 value);

// ---- PPIs of in-kernel devices; any context unless said otherwise ----

// EINVAL: not a PPI; EEXIST: another device owns the PPI. `owner` null: nobody owns it any more.
Status set_owner(CpuInterface& cpu, unsigned intid, const void* owner);
// From now on the guest's deactivation deactivates the physical interrupt. EINVAL: not a PPI, or no physical PPI.
Status map_hw(CpuInterface& cpu, unsigned intid, unsigned host_intid);
Status unmap_hw(CpuInterface& cpu, unsigned intid);
// Should the physical interrupt be active on this CPU while the vCPU is loaded? The vCPU is not in the guest.
bool hw_active(CpuInterface& cpu, unsigned intid);
// Is none of these private interrupts (bits by INTID) active, pending or its line high? The vCPU is not in the guest.
bool all_quiet(CpuInterface& cpu, u32 which);
// At a reset of the vCPU: not pending, not active. The vCPU is not in the guest.
void reset_hw(CpuInterface& cpu, unsigned intid);

}  // namespace nest::vgic
