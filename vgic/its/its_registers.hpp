// SPDX-License-Identifier: GPL-2.0-only
// Which register is at an offset of an ITS's frames, and the registers that are kept.
#pragma once
#include <vgic/its/guest_table.hpp>

namespace nest::vgic {

struct ItsRegister {
    enum class What : u8 {
        Control, Identity, Type, QueueBase, QueueWrite, QueueRead, DeviceTable, CollectionTable, Raz, Identification
    };
    static constexpr u8 W32 = 4, W64 = 8;  // a width is its own bit

    u32 offset;
    u8 bytes;
    u8 widths;
    What what;
};

// Null: none of that width or alignment.
const ItsRegister* find_its_register(u64 offset, unsigned bytes);
// The same for user space, which has one width for each register. EINVAL: misaligned; ENXIO: none.
Result<const ItsRegister*> find_user_its_register(u64 offset);

struct Cbaser : arch::Layout<Cbaser> {
    using Valid = Bit<63>;
    using InnerCache = Field<61, 59>;
    using OuterCache = Field<55, 53>;
    using Address = Field<51, 12>;
    using Shareability = Field<11, 10>;
    using Size = Field<7, 0>;           // in pages of 4 KiB, minus one
};

// The command queue: a ring in guest memory.
struct CommandQueue {
    Cbaser base;
    u32 read = 0, write = 0;            // offsets, multiples of a command's size

    u32 bytes() const { return static_cast<u32>(base.get<Cbaser::Size>() + 1) << 12; }
    u64 address() const { return base.raw & Cbaser::Address::kMask; }
    bool empty() const { return read == write; }
};

// What the guest may choose of them, and what is fixed.
Cbaser legal_cbaser(u64 value);
Baser legal_device_table(u64 value);
Baser legal_collection_table(u64 value);
inline constexpr u64 kBaserAtReset = Baser{}.with<Baser::PageSize>(2).raw;

}  // namespace nest::vgic
