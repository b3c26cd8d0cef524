// SPDX-License-Identifier: GPL-2.0-only
// The memory-mapped frames: GICD (64 KiB) and each vCPU's GICR (RD_base and SGI_base).
#pragma once
#include <arch/address.hpp>
#include <vgic/distributor.hpp>

namespace nest::vgic {

// A guest's access of 1, 2, 4 or 8 bytes. False: the address is in no frame of the vGIC. A size or alignment that a
// register does not have reads as zero and is not written, as are reserved places. Sleepable context (an access to an
// interrupt in another vCPU's list register halts the VM), no lock held, the vCPU synced, not in the guest.
bool mmio_read(CpuInterface& accessor, arch::Ipa address, unsigned length, u64& value);
bool mmio_write(CpuInterface& accessor, arch::Ipa address, unsigned length, u64 value);

// The same read where neither sleeping nor locks are allowed: tier 0. False, with nothing done, unless the register is one
// of control or identification, which no interrupt's state is in. The vCPU need not be synced.
bool mmio_read_in_tier0(CpuInterface& accessor, arch::Ipa address, unsigned length, u64& value);

// User space's view: 32 bits at an aligned offset of the distributor (redistributor null) or of one redistributor's
// frames. Differs from the guest's: pending bits are the latches, nothing touches hardware for mapped interrupts, and
// identification may be written. No vCPU runs. Nonexistent registers read as zero and ignore writes.
u32 user_read(Distributor& distributor, CpuInterface* redistributor, unsigned offset);
Status user_write(Distributor& distributor, CpuInterface* redistributor, unsigned offset, u32 value);
bool user_has(const Distributor& distributor, bool redistributor, unsigned offset);

// Levels of the 32 inputs from first_intid, a multiple of 32. No vCPU runs.
u32 read_line_levels(CpuInterface& cpu, unsigned first_intid);
void write_line_levels(CpuInterface& cpu, unsigned first_intid, u32 levels);

}  // namespace nest::vgic
