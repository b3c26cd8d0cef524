// SPDX-License-Identifier: GPL-2.0-only
#include <vgic/mmio/mmio.hpp>
#include <vgic/mmio/register_access.hpp>

namespace nest::vgic {
namespace {

struct Place {
    CpuInterface* redistributor;
    u32 offset;
    bool found;
};

Place locate(const CpuInterface& accessor, u64 address) {
    const Distributor& distributor = *accessor.distributor;
    if (const u64 offset = address - distributor.base(); offset < kFrameSize)
        return {nullptr, static_cast<u32>(offset), true};
    if (const u64 offset = address - accessor.redist_base; offset < kRedistributorSize)
        return {const_cast<CpuInterface*>(&accessor), static_cast<u32>(offset), true};
    u64 offset = 0;
    CpuInterface* cpu = distributor.find_redistributor(address, offset);
    return {cpu, static_cast<u32>(offset), cpu != nullptr};
}

Access access_of(const RegisterRange& r, Distributor& distributor, CpuInterface* redistributor, CpuInterface* accessor,
                 u32 offset, unsigned length) {
    const u32 inside = offset - r.offset;
    return {distributor, redistributor, accessor, r.what, inside, length, r.bits ? inside * 8 / r.bits : 0};
}

bool is_bits(What w) { return w >= What::Group && w <= What::ClearActive; }
bool is_fields(What w) { return w >= What::Priority; }

bool is_plain(What w) { return !is_bits(w) && !is_fields(w); }

constexpr u64 low_bytes(u64 value, unsigned length) {
    return length < 8 ? value & ((u64{1} << length * 8) - 1) : value;
}

u64 read(const Access& access) {
    if (is_plain(access.what))
        return read_plain(access);
    if (access.reserved())
        return 0;
    return is_bits(access.what) ? read_bits(access) : read_fields(access);
}

Status write(const Access& access, u64 value) {
    if (is_plain(access.what))
        return write_plain(access, value);
    if (access.reserved())
        return kOk;
    if (is_bits(access.what))
        write_bits(access, static_cast<u32>(value));
    else
        write_fields(access, value);
    return kOk;
}

}  // namespace

bool mmio_read(CpuInterface& accessor, arch::Ipa address, unsigned length, u64& value) {
    const Place place = locate(accessor, address.raw);
    if (!place.found)
        return false;
    Distributor& distributor = *accessor.distributor;
    const RegisterRange* r =
        match_register(place.redistributor, place.offset, length, distributor.interrupts());
    value = r ? read(access_of(*r, distributor, place.redistributor, &accessor, place.offset, length)) : 0;
    value = low_bytes(value, length);
    return true;
}

bool mmio_read_in_tier0(CpuInterface& accessor, arch::Ipa address, unsigned length, u64& value) {
    const Place place = locate(accessor, address.raw);
    if (!place.found)
        return false;
    Distributor& distributor = *accessor.distributor;
    const RegisterRange* r = match_register(place.redistributor, place.offset, length, distributor.interrupts());
    if (!r || !is_plain(r->what))
        return false;
    value = low_bytes(
        read_plain(access_of(*r, distributor, place.redistributor, &accessor, place.offset, length)), length);
    return true;
}

bool mmio_write(CpuInterface& accessor, arch::Ipa address, unsigned length, u64 value) {
    const Place place = locate(accessor, address.raw);
    if (!place.found)
        return false;
    Distributor& distributor = *accessor.distributor;
    const RegisterRange* r =
        match_register(place.redistributor, place.offset, length, distributor.interrupts());
    // A guest's write cannot fail: what it may not write is ignored.
    if (r)
        (void)write(access_of(*r, distributor, place.redistributor, &accessor, place.offset, length), value);
    return true;
}

u32 user_read(Distributor& distributor, CpuInterface* redistributor, unsigned offset) {
    const RegisterRange* r = match_register(redistributor, offset, 4, distributor.interrupts());
    return r ? static_cast<u32>(read(access_of(*r, distributor, redistributor, nullptr, offset, 4))) : 0;
}

Status user_write(Distributor& distributor, CpuInterface* redistributor, unsigned offset, u32 value) {
    const RegisterRange* r = match_register(redistributor, offset, 4, distributor.interrupts());
    return r ? write(access_of(*r, distributor, redistributor, nullptr, offset, 4), value) : kOk;
}

bool user_has(const Distributor& distributor, bool redistributor, unsigned offset) {
    return match_register(redistributor, offset, 4, distributor.interrupts()) != nullptr;
}

}  // namespace nest::vgic
