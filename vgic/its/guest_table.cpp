// SPDX-License-Identifier: GPL-2.0-only
#include <vgic/its/guest_table.hpp>

namespace nest::vgic {

unsigned GuestTable::page_shift() const {
    switch (baser_.get<Baser::PageSize>()) {
    case 0:
        return 12;
    case 1:
        return 14;
    default:
        return 16;
    }
}

u64 GuestTable::address() const {
    const u64 field = baser_.raw & Baser::Address::kMask;
    const u64 low = field & ~((u64{1} << page_shift()) - 1);
    return page_shift() == 16 ? low | (field >> 12 & 0xf) << 48 : low;
}

u32 GuestTable::limit(u32 most) const {
    if (!valid())
        return 0;
    const u64 entries = u64{first_level_entries()} * (two_levels() ? entries_per_page() : 1);
    return entries < most ? static_cast<u32>(entries) : most;
}

Result<u64> GuestTable::page_address(Callbacks& memory, u32 index) const {
    Level1Entry entry;
    NEST_TRY(memory.read_guest(address() + index * kTableEntrySize, &entry.raw, sizeof(entry.raw)));
    if (!entry.get<Level1Entry::Valid>())
        return Errno::kInval;
    return entry.raw & Level1Entry::Address::kMask & ~((u64{1} << page_shift()) - 1);
}

Result<u64> GuestTable::entry_address(Callbacks& memory, u32 number) const {
    if (number >= limit(~u32{0}))
        return Errno::kInval;
    if (!two_levels())
        return address() + number * kTableEntrySize;
    const u64 page = NEST_TRY(page_address(memory, number / entries_per_page()));
    return page + number % entries_per_page() * kTableEntrySize;
}

bool GuestTable::has_entry(Callbacks& memory, u32 number) const {
    const auto address = entry_address(memory, number);
    u64 entry;
    return address.ok() && memory.read_guest(address.value(), &entry, sizeof(entry)).ok();
}

}  // namespace nest::vgic
