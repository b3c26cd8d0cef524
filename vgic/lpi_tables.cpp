// SPDX-License-Identifier: GPL-2.0-only
// The configuration and pending tables of LPIs in guest memory. [IHI0069] 5.1.1, 5.1.2
//
// Guest memory is read a piece at a time, without a lock of the vGIC: the VMM may take long to bring a page in, and what the
// guest changes meanwhile it tells us by INV, or loses.
#include <arch/layout.hpp>
#include <vgic/lpi.hpp>
#include <vgic/pace.hpp>

namespace nest::vgic {
namespace {

struct Propbaser : arch::Layout<Propbaser> {
    using Address = Field<51, 12>;
    using IDbits = Field<4, 0>;
};
struct Pendbaser : arch::Layout<Pendbaser> {
    using PTZ = Bit<62>;
    using Address = Field<51, 16>;
};

u64 property_table(const Distributor& distributor) { return distributor.propbaser.load_relaxed() & Propbaser::Address::kMask; }
u64 pending_table(const CpuInterface& cpu) { return cpu.pendbaser.load_relaxed() & Pendbaser::Address::kMask; }

// Those of a bank's LPIs that are mapped and, unless `of` is null, routed to that vCPU.
u32 mapped_lpis(Distributor& distributor, unsigned bank, const CpuInterface* of) {
    IrqGuard guard(distributor.shared_lock());
    const LpiBank* const lpis = distributor.lpi_bank(bank);
    if (!lpis)
        return 0;
    u32 found = 0;
    for_each_bit(lpis->mapped, [&](unsigned n) {
        if (!of || lpis->target[n] == of->index)
            found |= u32{1} << n;
    });
    return found;
}

template <typename F>
void for_each_mapped_bank(Distributor& distributor, const CpuInterface* of, F&& f) {
    Pace pace;
    for (unsigned bank = kMaxSpiBanks; bank < kMaxSpiBanks + kLpiBanks; bank++) {
        if (const u32 which = mapped_lpis(distributor, bank, of))
            f(bank, which);
        pace.step();
    }
}

// The pending bit of a mapped LPI, in the table of its target.
Status save_pending(Distributor& distributor, unsigned intid) {
    u16 target;
    {
        IrqGuard guard(distributor.shared_lock());
        target = distributor.lpi_bank(bank_index(intid))->target[intid % 32];
    }
    if (target == kNobody)
        return kOk;
    const u64 at = pending_table(distributor.cpu(target)) + intid / 8;
    const u8 bit = static_cast<u8>(1u << intid % 8);
    u8 old;
    NEST_TRY(distributor.callbacks().read_guest(at, &old, 1));
    const u8 byte = lpi_pending(distributor, intid) ? old | bit : old & ~bit;
    return byte == old ? Status(kOk) : distributor.callbacks().write_guest(at, &byte, 1);
}

}  // namespace

unsigned lpi_intid_limit(const Distributor& distributor) {
    const u64 bits = Propbaser::of(distributor.propbaser.load_relaxed()).get<Propbaser::IDbits>() + 1;
    const unsigned limit = 1u << (bits < kLpiIdBits ? bits : kLpiIdBits);
    return limit > kFirstLpi ? limit : 0;
}

Result<bool> take_lpi_pending(Distributor& distributor, const CpuInterface& cpu, unsigned intid) {
    const u64 at = pending_table(cpu) + intid / 8;
    const u8 bit = static_cast<u8>(1u << intid % 8);
    u8 byte;
    NEST_TRY(distributor.callbacks().read_guest(at, &byte, 1));
    if (!(byte & bit))
        return false;
    byte &= ~bit;
    NEST_TRY(distributor.callbacks().write_guest(at, &byte, 1));
    return true;
}

// Takes the properties of those of a bank's LPIs over, and looks whether the guest's bytes have changed meanwhile. Without:
// vCPU A reads "disabled" for one command; vCPU B writes "enabled" and invalidates, by another command, and "enabled" is set;
// then A sets "disabled", and the LPI stays so although B's invalidation is complete. A guest that goes on changing the bytes
// invalidates again.
void refresh_bank(Distributor& distributor, unsigned bank, u32 which) {
    constexpr unsigned kTries = 4;
    u8 now[32], taken[32];
    const u64 table = property_table(distributor) + (first_intid(bank) - kFirstLpi);
    for (unsigned tries = 0; which && tries < kTries; tries++) {
        if (!distributor.callbacks().read_guest(table, now, sizeof(now)).ok())
            return;
        for_each_bit(which, [&](unsigned n) {
            if (tries && now[n] == taken[n])
                which &= ~(u32{1} << n);
            else
                set_lpi_property(distributor, first_intid(bank) + n, now[n]);
            taken[n] = now[n];
        });
    }
}

void refresh_lpi_property(Distributor& distributor, unsigned intid) {
    refresh_bank(distributor, bank_index(intid), u32{1} << intid % 32);
}

void refresh_lpi_properties(CpuInterface& cpu) {
    Distributor& distributor = *cpu.distributor;
    for_each_mapped_bank(distributor, &cpu, [&](unsigned bank, u32 which) {
        refresh_bank(distributor, bank, which);
    });
}

void take_pending_lpis(CpuInterface& cpu) {
    Distributor& distributor = *cpu.distributor;
    // Messages are taken already; those that the guest left in the table are added.
    const bool empty = Pendbaser::of(cpu.pendbaser.load_relaxed()).get<Pendbaser::PTZ>();
    for_each_mapped_bank(distributor, &cpu, [&](unsigned bank, u32 which) {
        // Pending since another redistributor, which took LPIs, was their target.
        for_each_bit(which, [&](unsigned n) { update_lpi(distributor, first_intid(bank) + n); });
        u32 pending = 0;
        const u64 at = pending_table(cpu) + first_intid(bank) / 8;
        if (empty || !distributor.callbacks().read_guest(at, &pending, sizeof(pending)).ok() || !(which & pending))
            return;
        Kicks kicks;
        const u32 left = pending & ~which;
        (void)distributor.callbacks().write_guest(at, &left, sizeof(left));     // read-only memory: they stay, and come again
        for_each_bit(which & pending, [&](unsigned n) { (void)pend_lpi(distributor, first_intid(bank) + n, kicks); });
        kicks.deliver(distributor);
    });
}

Status save_pending_tables(Distributor& distributor) {
    Status status = kOk;
    Pace pace;
    for_each_mapped_bank(distributor, nullptr, [&](unsigned bank, u32 which) {
        for_each_bit(which, [&](unsigned n) {
            if (status.ok())
                status = pace.step_unless_killed();
            if (status.ok())
                status = save_pending(distributor, first_intid(bank) + n);
        });
    });
    return status;
}

}  // namespace nest::vgic
