// SPDX-License-Identifier: GPL-2.0-only
// Control, identification and LPI table registers. [IHI0069] 12.9, 12.11
#include <vgic/lpi.hpp>
#include <vgic/mmio/register_access.hpp>
#include <vgic/register_halves.hpp>
#include <vgic/table_attributes.hpp>

namespace nest::vgic {
namespace {

constexpr u64 kControlEnableGroup1 = 1u << 1;
constexpr u64 kControlAreNs = 1u << 4;
constexpr u64 kControlDs = 1u << 6;      // one security state
constexpr u32 kProductKvm = u32{'K'} << 24;
constexpr u32 kImplementerArm = 0x43b;
constexpr u32 kRevisionMask = 0xf000;
constexpr unsigned kSpiIdBits = 10;
constexpr u32 kTypeLpis = 1u << 17;
constexpr u32 kRedistEnableLpis = 1u << 0;
constexpr u32 kRedistCes = 1u << 1, kRedistIr = 1u << 2;  // of revision 3
constexpr u32 kPidr2Offset = 0x18, kPidr2GicV3 = 0x3b;    // in the identification range

// GICR_PROPBASER and GICR_PENDBASER: RES0, and attributes that the guest chose, narrowed to what a coherent machine supports.
constexpr u64 kPropbaserRes0 = u64{0xf8} << 56 | u64{0xf} << 52 | u64{3} << 5;
constexpr u64 kPendbaserRes0 = u64{1} << 63 | u64{7} << 59 | u64{0xf} << 52 | u64{0xf} << 12 | 0x7f;
constexpr u64 kPendbaserPtz = u64{1} << 62;

constexpr u64 narrow_attributes(u64 value, u64 res0) {
    return vgic::narrow_attributes(value, AttributePlaces{7, 56}) & ~res0;
}

u32 identity(const Distributor& distributor) {
    return kProductKvm | u32{distributor.revision} << 12 | kImplementerArm;
}

u64 redistributor_type(const Access& access) {
    const CpuInterface& cpu = *access.redistributor;
    const u64 last = access.distributor.is_last_redistributor(cpu) ? 1u << 4 : 0;
    return (cpu.affinity.load_relaxed() & 0xffffff) << 32 | (cpu.id & 0xffff) << 8 | last | access.distributor.offers_lpis();
}

// The tables are read outside of the mutex: the VMM may have to bring them in.
void control_lpis(const Access& access, bool on) {
    CpuInterface& cpu = *access.redistributor;
    {
        Guard guard(access.distributor.config());
        if (!access.distributor.offers_lpis() || cpu.lpis_enabled.load_relaxed() == on)
            return;
        cpu.lpis_enabled.store_relaxed(on);
    }
    if (on)
        take_pending_lpis(cpu);
    else
        drop_pending_lpis(cpu);
}

bool any_lpis_enabled(const Distributor& distributor) {
    for (unsigned i = 0; i < distributor.cpu_count(); i++)
        if (distributor.cpu(i).lpis_enabled.load_relaxed())
            return true;
    return false;
}

void write_table(const Access& access, Atomic<u64>& table, u64 value, u64 res0) {
    Guard guard(access.distributor.config());
    table.store_relaxed(narrow_attributes(merge_half(table.load_relaxed(), access.offset, access.length, value), res0));
}

// Only of those that GICR_CTLR.IR announces, and only while there is something to invalidate.
bool may_invalidate(const Access& access) {
    return access.distributor.revision >= 3 && access.redistributor->lpis_enabled.load_relaxed();
}

void invalidate_lpi(Distributor& distributor, unsigned intid) {
    if (is_lpi(intid) && intid < lpi_intid_limit(distributor))
        refresh_lpi_property(distributor, intid);
}

u64 extract(u64 value, const Access& access) { return value >> 8 * (access.offset & 7); }

}  // namespace

u64 read_plain(const Access& access) {
    Distributor& distributor = access.distributor;
    switch (access.what) {
    case What::DistControl:
        return (distributor.enabled() ? kControlEnableGroup1 : 0) | kControlAreNs | kControlDs;
    case What::DistType:
        return (distributor.interrupts() / 32 - 1) |
               (distributor.offers_lpis() ? kTypeLpis | (kLpiIdBits - 1) << 19 : (kSpiIdBits - 1) << 19);
    case What::DistIdentity:
        return identity(distributor);
    case What::RedistControl:
        return (distributor.revision >= 3 ? kRedistCes | kRedistIr : 0) | access.redistributor->lpis_enabled.load_relaxed();
    case What::RedistIdentity:
        return kProductKvm | kImplementerArm;
    case What::RedistType:
        return extract(redistributor_type(access), access);
    case What::Propbaser:
        return extract(distributor.propbaser.load_relaxed(), access);
    case What::Pendbaser:
        return extract(access.redistributor->pendbaser.load_relaxed() & ~kPendbaserPtz, access);
    case What::Identification:
        return access.offset == kPidr2Offset ? kPidr2GicV3 : 0;
    default:
        return 0;
    }
}

Status write_plain(const Access& access, u64 value) {
    Distributor& distributor = access.distributor;
    switch (access.what) {
    case What::DistControl:
        distributor.set_enabled(value & kControlEnableGroup1);
        return kOk;
    case What::DistIdentity: {
        if (!access.user())
            return kOk;
        // Only the revision may be changed, and only to one whose behaviour we have.
        const u64 revision = (value & kRevisionMask) >> 12;
        if ((value ^ identity(distributor)) & ~u64{kRevisionMask} || revision < 2 || revision > 3)
            return Errno::kInval;
        distributor.revision = static_cast<u8>(revision);
        return kOk;
    }
    case What::DistType2:
        // Without GICv4.1 the one bit that exists, nASSGIcap, cannot be set.
        if (!access.user() || value == 0)
            return kOk;
        return distributor.initialized() ? Errno::kBusy : Errno::kInval;
    case What::RedistControl:
        control_lpis(access, value & kRedistEnableLpis);
        return kOk;
    case What::Propbaser:
        // Of all redistributors: it is constrained unpredictable whether a write has an effect while LPIs are enabled.
        if (!any_lpis_enabled(distributor))
            write_table(access, distributor.propbaser, value, kPropbaserRes0);
        return kOk;
    case What::Pendbaser:
        if (!access.redistributor->lpis_enabled.load_relaxed())
            write_table(access, access.redistributor->pendbaser, value, kPendbaserRes0);
        return kOk;
    case What::InvalidateLpi:
        if (may_invalidate(access) && !(access.offset & 4))
            invalidate_lpi(distributor, static_cast<u32>(value));
        return kOk;
    case What::InvalidateAllLpis:
        if (may_invalidate(access) && !(access.offset & 4))
            refresh_lpi_properties(*access.redistributor);
        return kOk;
    default:
        return kOk;
    }
}

}  // namespace nest::vgic
