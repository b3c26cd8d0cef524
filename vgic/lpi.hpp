// SPDX-License-Identifier: GPL-2.0-only
// LPIs of one VM: locality-specific peripheral interrupts, messages that an ITS has translated. [IHI0069] 5.1
//
// They are edges of group 1, INTID 8192 to 65535, in banks of 32 that are made when an ITS first translates to one of theirs and
// live as long as the VM. The distributor's lock of shared interrupts guards them as it guards SPIs, and the same rule says who
// holds one (Distributor::update_shared()), but for three things: an LPI without a user does not exist; a redistributor whose
// GICR_CTLR.EnableLPIs is clear takes none; and there is no active state to keep: what a list register calls active is forgotten
// as soon as the LPI finds no list register.
#pragma once
#include <vgic/distributor.hpp>

namespace nest::vgic {

// An ITS translates to this LPI from now on; for each call one unmap_lpi(). A new one is disabled and has no target. EINVAL: no
// LPI, or beyond what GICR_PROPBASER.IDbits says; ENOMEM. Sleeps.
Status map_lpi(Distributor& distributor, unsigned intid);
// With its last user an LPI is neither pending nor anybody's. Any context; no lock of the vGIC held.
void unmap_lpi(Distributor& distributor, unsigned intid);

// The vCPU index that takes it, or kNobody. What is pending goes along. Any context.
void set_lpi_target(Distributor& distributor, unsigned intid, unsigned vcpu_index);
// The byte of the configuration table: priority in 7:2, enable in 0. Any context.
void set_lpi_property(Distributor& distributor, unsigned intid, u8 property);

// Who holds it is decided anew. Any context.
void update_lpi(Distributor& distributor, unsigned intid);

// Makes it pending: a message has come. False: nobody took it, because it has no user, no target, or the target's
// GICR_CTLR.EnableLPIs is clear. Any context, hard interrupts included; no lock of the vGIC but ITS locks held. The kick that is
// due is noted in `kicks`, to be delivered once the caller has dropped its locks.
bool pend_lpi(Distributor& distributor, unsigned intid, Kicks& kicks);
// Not pending any more. Any context.
void clear_lpi(Distributor& distributor, unsigned intid);
bool lpi_pending(Distributor& distributor, unsigned intid);

// How many INTIDs the tables have: 2^(GICR_PROPBASER.IDbits + 1), at most 2^16; 0 below the first LPI.
unsigned lpi_intid_limit(const Distributor& distributor);
// From the guest's tables; no lock of the vGIC held, sleeps, takes as long as the VMM's memory takes. EFAULT: no memory there.
// The bit of the pending table, which is cleared there: from now on the LPI's state is ours, and a bit that stayed would make it
// pending again when it is next mapped.
Result<bool> take_lpi_pending(Distributor& distributor, const CpuInterface& cpu, unsigned intid);

// GICR_CTLR.EnableLPIs was set (CpuInterface::lpis_enabled): what the vCPU's pending table names becomes pending, unless
// GICR_PENDBASER.PTZ says that the table is all zero. Sleeps.
void take_pending_lpis(CpuInterface& cpu);
// It was cleared: nothing is pending any more, as with Linux's KVM. No lock of the vGIC held.
void drop_pending_lpis(CpuInterface& cpu);
// The property of one that is mapped, read anew; as it was where there is no memory. Sleeps.
void refresh_lpi_property(Distributor& distributor, unsigned intid);
// GICR_INVALLR: the properties of all LPIs that are routed to the vCPU. Sleeps.
void refresh_lpi_properties(CpuInterface& cpu);
// KVM_DEV_ARM_VGIC_SAVE_PENDING_TABLES. EFAULT: no memory there; EINTR: the VMM is being killed. No vCPU runs. Sleeps.
Status save_pending_tables(Distributor& distributor);

}  // namespace nest::vgic
