// SPDX-License-Identifier: GPL-2.0-only
// The entries of saved tables, revision 0: Linux's Documentation/virt/kvm/devices/arm-vgic-its.rst. `Next` is the distance to
// the next entry that is there, 0 for the last one.
#pragma once
#include <arch/layout.hpp>

namespace nest::vgic {

struct DeviceEntry : arch::Layout<DeviceEntry> {
    using Valid = Bit<63>;
    using Next = Field<62, 49>;         // at most; then there are empty ones before the next
    using Itt = Field<48, 5>;           // its address without 8 bits
    using Size = Field<4, 0>;           // bits of an event's number, minus one
};

// No LPI, no entry.
struct EventEntry : arch::Layout<EventEntry> {
    using Next = Field<63, 48>;
    using Lpi = Field<47, 16>;
    using CollectionId = Field<15, 0>;
};

// Of a list that ends with one that is not valid, if the table has room.
struct CollectionEntry : arch::Layout<CollectionEntry> {
    using Valid = Bit<63>;
    using Reserved = Field<62, 52>;
    using Target = Field<51, 16>;       // a processor's number, or kNoProcessor
    using CollectionId = Field<15, 0>;
};

}  // namespace nest::vgic
