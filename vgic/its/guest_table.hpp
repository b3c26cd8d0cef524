// SPDX-License-Identifier: GPL-2.0-only
// GuestTable: GITS_BASERn, and where in the guest's memory the entry for a number is. [IHI0069] 12.19.1, 5.2.2
#pragma once
#include <arch/layout.hpp>
#include <vgic/callbacks.hpp>

namespace nest::vgic {

struct Baser : arch::Layout<Baser> {
    using Valid = Bit<63>;
    using Indirect = Bit<62>;
    using InnerCache = Field<61, 59>;
    using Type = Field<58, 56>;
    using OuterCache = Field<55, 53>;
    using EntrySize = Field<52, 48>;    // minus one
    using Address = Field<47, 12>;      // with 64 KiB pages bits 15:12 are the address's bits 51:48
    using Shareability = Field<11, 10>;
    using PageSize = Field<9, 8>;       // 4, 16, 64 KiB; 3 is as good as 2
    using Size = Field<7, 0>;           // in pages, minus one
};

// All entries have 8 bytes, those of a first level too.
inline constexpr u64 kTableEntrySize = 8;

// An entry of a first level.
struct Level1Entry : arch::Layout<Level1Entry> {
    using Valid = Bit<63>;
    using Address = Field<51, 12>;      // of a page, aligned to its size
};

class GuestTable {
public:
    explicit GuestTable(Baser baser) : baser_(baser) {}

    bool valid() const { return baser_.get<Baser::Valid>(); }
    bool two_levels() const { return baser_.get<Baser::Indirect>(); }
    u64 address() const;
    // Of the one table, or of the first level.
    u32 first_level_entries() const { return static_cast<u32>((baser_.get<Baser::Size>() + 1) * entries_per_page()); }
    u32 entries_per_page() const { return u32{1} << (page_shift() - 3); }
    // Numbers below it may have an entry, but none above `most`.
    u32 limit(u32 most) const;

    // Of a second level's page. EFAULT: the first level's entry is not in memory; EINVAL: it is not valid.
    Result<u64> page_address(Callbacks& memory, u32 index) const;
    // EINVAL: outside of the table; else as page_address().
    Result<u64> entry_address(Callbacks& memory, u32 number) const;
    // Is there an entry for that number, in memory?
    bool has_entry(Callbacks& memory, u32 number) const;

private:
    unsigned page_shift() const;

    Baser baser_;
};

}  // namespace nest::vgic
