// SPDX-License-Identifier: GPL-2.0-only
// Registers with more than a bit per interrupt, and the input levels that only user space sees.
#include <vgic/mmio/mmio.hpp>
#include <vgic/mmio/register_access.hpp>

namespace nest::vgic {
namespace {

constexpr u8 kPriorityMask = 0xf8;  // five bits, the fewest that a GICv3 with two security states may have
constexpr u32 kRouteMask = 0xffffff;  // Aff3 and IRM do not exist here

// Every second bit of a word, packed: ICFGR's upper bits.
constexpr u32 pack_config(u32 value) {
    u32 edges = 0;
    for (unsigned i = 0; i < 16; i++)
        edges |= (value >> (2 * i + 1) & 1) << i;
    return edges;
}
constexpr u32 unpack_config(u32 edges) {
    u32 value = 0;
    for (unsigned i = 0; i < 16; i++)
        value |= (edges >> i & 1) << (2 * i + 1);
    return value;
}

}  // namespace

u64 read_fields(const Access& access) {
    Bank& bank = access.bank();
    const unsigned n = access.intid % 32;
    switch (access.what) {
    case What::Priority: {
        u32 value = 0;
        for (unsigned i = 0; i < access.length; i++)
            value |= u32{bank.priority[n + i]} << (8 * i);
        return value;
    }
    case What::Config:
        return unpack_config(bank.edge >> n & 0xffff);
    case What::Router:
        return access.offset & 4 ? 0 : access.distributor.spi_bank(access.intid / 32 - 1).route[n];
    default:
        return 0;
    }
}

void write_fields(const Access& access, u64 value) {
    const unsigned n = access.intid % 32;
    // SGIs are edges by architecture; PPIs are levels, as the timers rely on that. The upper half of GICD_IROUTER is Aff3.
    if ((access.what == What::Config && access.redistributor) || (access.what == What::Router && access.offset & 4))
        return;
    Kicks kicks(access.accessor ? access.accessor->index : kNobody);
    {
        IrqGuard guard(access.lock());
        Bank& bank = access.bank();
        u32 which = 0;
        if (access.what == What::Priority) {
            for (unsigned i = 0; i < access.length; i++) {
                const u8 priority = static_cast<u8>(value >> (8 * i)) & kPriorityMask;
                which |= bank.priority[n + i] != priority ? u32{1} << (n + i) : 0;
                bank.priority[n + i] = priority;
            }
        } else if (access.what == What::Config) {
            const u32 mask = u32{0xffff} << n & access.existing();
            const u32 edges = pack_config(static_cast<u32>(value)) << n & mask;
            which = (bank.edge ^ edges) & mask;
            bank.edge = (bank.edge & ~mask) | edges;
        } else {
            SpiBank& spis = access.distributor.spi_bank(access.intid / 32 - 1);
            spis.route[n] = static_cast<u32>(value) & kRouteMask;
            spis.routed |= u32{1} << n;
            const CpuInterface* target = access.distributor.find_affinity(spis.route[n]);
            spis.target[n] = target ? static_cast<u16>(target->index) : kNobody;
            which = u32{1} << n;
        }
        changed(access, which, kicks);
    }
    kicks.deliver(access.distributor);
}

namespace {

Access line_access(CpuInterface& cpu, unsigned first_intid) {
    return {*cpu.distributor, is_private(first_intid) ? &cpu : nullptr, nullptr, What::Raz, 0, 4, first_intid};
}

}  // namespace

u32 read_line_levels(CpuInterface& cpu, unsigned first_intid) {
    if (first_intid >= cpu.distributor->interrupts())
        return 0;
    const Access access = line_access(cpu, first_intid);
    IrqGuard guard(access.lock());
    const Bank& bank = access.bank();
    return bank.line & ~bank.edge & (is_private(first_intid) ? ~u32{0xffff} : ~u32{0});
}

void write_line_levels(CpuInterface& cpu, unsigned first_intid, u32 levels) {
    if (first_intid >= cpu.distributor->interrupts())
        return;
    const Access access = line_access(cpu, first_intid);
    Kicks kicks;
    {
        IrqGuard guard(access.lock());
        Bank& bank = access.bank();
        // For edges as well: user space may restore the configuration (GICD_ICFGR) after the levels.
        const u32 mask = is_private(first_intid) ? ~u32{0xffff} : existing(first_intid);
        const u32 which = (bank.line ^ levels) & mask;
        bank.line = (bank.line & ~mask) | (levels & mask);
        changed(access, which, kicks);
    }
    kicks.deliver(access.distributor);
}

}  // namespace nest::vgic
