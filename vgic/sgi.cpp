// SPDX-License-Identifier: GPL-2.0-only
// Software-generated interrupts: [IHI0069] 12.2.21 ICC_SGI1R_EL1. One layout for all three registers.
#include <arch/layout.hpp>
#include <vgic/inject.hpp>

namespace nest::vgic {
namespace {

struct SgiRequest : arch::Layout<SgiRequest> {
    using Aff3 = Field<55, 48>;
    using RS = Field<47, 44>;
    using IRM = Bit<40>;
    using Aff2 = Field<39, 32>;
    using INTID = Field<27, 24>;
    using Aff1 = Field<23, 16>;
    using TargetList = Field<15, 0>;
};

// One target of a virtual IPI; a hot path.
void send_one(CpuInterface& to, u32 bit, bool group1_allowed) {
    {
        IrqGuard guard(to.lock);
        // A request for group 0 does not raise what belongs to group 1.
        if ((to.private_irqs.group & bit) && !group1_allowed)
            return;
        to.private_irqs.latch |= bit;
        if (!(to.private_irqs.enabled & bit))
            return;
        to.note_work();
    }
    to.distributor->callbacks().kick(to.index);
}

}  // namespace

void send_sgi(CpuInterface& from, arch::SysReg reg, u64 value) {
    const auto request = SgiRequest::of(value);
    const Distributor& distributor = *from.distributor;
    const bool group1_allowed = reg == arch::SysReg::ICC_SGI1R_EL1;
    const u32 bit = u32{1} << request.get<SgiRequest::INTID>();

    if (request.get<SgiRequest::IRM>()) {
        for (unsigned i = 0; i < distributor.cpu_count(); i++)
            if (i != from.index)
                send_one(distributor.cpu(i), bit, group1_allowed);
        return;
    }
    const u64 base = request.get<SgiRequest::Aff3>() << 32 | request.get<SgiRequest::Aff2>() << 16 |
                     request.get<SgiRequest::Aff1>() << 8 | request.get<SgiRequest::RS>() << 4;
    for_each_bit(static_cast<u32>(request.get<SgiRequest::TargetList>()), [&](unsigned n) {
        if (CpuInterface* to = distributor.find_affinity(base | n))
            send_one(*to, bit, group1_allowed);
    });
}

}  // namespace nest::vgic
