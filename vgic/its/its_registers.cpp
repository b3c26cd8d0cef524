// SPDX-License-Identifier: GPL-2.0-only
#include <vgic/its/its_registers.hpp>
#include <vgic/table_attributes.hpp>

namespace nest::vgic {
namespace {

constexpr u8 W32 = ItsRegister::W32, W64 = ItsRegister::W64;

constexpr ItsRegister kRegisters[] = {
#define GITS(name, offset, bytes, widths, what) {offset, bytes, widths, ItsRegister::What::what},
#include <vgic/its/its_registers.def>
#undef GITS
};

const ItsRegister* find(u64 offset) {
    for (const ItsRegister& r : kRegisters)
        if (offset - r.offset < r.bytes)
            return &r;
    return nullptr;
}

constexpr u64 kFirstWide = 0x8, kBehindWide = 0xffd0;  // of 64 bits are GITS_TYPER to what is before the identification
constexpr u64 kTypeDevices = 1, kTypeCollections = 4;

static_assert(Baser::InnerCache::kLow == Cbaser::InnerCache::kLow && Baser::OuterCache::kLow == Cbaser::OuterCache::kLow);
constexpr AttributePlaces kAttributes{Cbaser::InnerCache::kLow, Cbaser::OuterCache::kLow};

Baser legal_table(u64 value, u64 type, u64 reserved) {
    auto baser = Baser::of(narrow_attributes(value, kAttributes) & ~reserved);
    if (baser.get<Baser::PageSize>() == 3)
        baser = baser.with<Baser::PageSize>(2);
    if (baser.get<Baser::PageSize>() == 1)
        baser.raw &= ~(u64{3} << 12);
    return baser.with<Baser::Type>(type).with<Baser::EntrySize>(kTableEntrySize - 1);
}

}  // namespace

const ItsRegister* find_its_register(u64 offset, unsigned bytes) {
    const ItsRegister* const r = find(offset);
    if (!r || !(bytes == 4 || bytes == 8) || !(r->widths & bytes) || offset % bytes)
        return nullptr;
    return r;
}

// As Linux's KVM, which looks at the alignment before it knows the register.
Result<const ItsRegister*> find_user_its_register(u64 offset) {
    const u64 width = offset < kFirstWide || offset >= kBehindWide ? 4 : 8;
    if (offset % width)
        return Errno::kInval;
    const ItsRegister* const r = find(offset);
    return r ? Result<const ItsRegister*>(r) : Errno::kNxIo;
}

Cbaser legal_cbaser(u64 value) {
    return Cbaser::of(narrow_attributes(value, kAttributes) &
                      Cbaser::mask<Cbaser::Valid, Cbaser::InnerCache, Cbaser::OuterCache, Cbaser::Address,
                                   Cbaser::Shareability, Cbaser::Size>());
}

Baser legal_device_table(u64 value) { return legal_table(value, kTypeDevices, 0); }
Baser legal_collection_table(u64 value) { return legal_table(value, kTypeCollections, Baser::Indirect::kMask); }

}  // namespace nest::vgic
