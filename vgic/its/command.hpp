// SPDX-License-Identifier: GPL-2.0-only
// A command of the queue: four doublewords. [IHI0069] 5.3
#pragma once
#include <arch/layout.hpp>

namespace nest::vgic {

enum class CommandNumber : u8 {
    kMovi = 0x01,
    kInt = 0x03,
    kClear = 0x04,
    kSync = 0x05,
    kMapd = 0x08,
    kMapc = 0x09,
    kMapti = 0x0a,
    kMapi = 0x0b,
    kInv = 0x0c,
    kInvall = 0x0d,
    kMovall = 0x0e,
    kDiscard = 0x0f,
};

struct Command {
    struct Word0 : arch::Layout<Word0> {
        using DeviceId = Field<63, 32>;
        using Number = Field<7, 0>;
    };
    struct Word1 : arch::Layout<Word1> {
        using Intid = Field<63, 32>;
        using EventId = Field<31, 0>;
        using Size = Field<4, 0>;           // MAPD: bits of an event's number, minus one
    };
    struct Word2 : arch::Layout<Word2> {
        using Valid = Bit<63>;
        using Itt = Field<51, 8>;           // MAPD
        using Target = Field<51, 16>;       // the RDbase: here a GICR_TYPER.Processor_Number
        using CollectionId = Field<15, 0>;
    };
    struct Word3 : arch::Layout<Word3> {
        using Target = Field<51, 16>;       // MOVALL's second
    };

    Word0 word0;
    Word1 word1;
    Word2 word2;
    Word3 word3;

    CommandNumber number() const { return static_cast<CommandNumber>(word0.get<Word0::Number>()); }
    u32 device_id() const { return static_cast<u32>(word0.get<Word0::DeviceId>()); }
    u32 event_id() const { return static_cast<u32>(word1.get<Word1::EventId>()); }
    u32 intid() const { return static_cast<u32>(word1.get<Word1::Intid>()); }
    u32 collection_id() const { return static_cast<u32>(word2.get<Word2::CollectionId>()); }
    bool valid() const { return word2.get<Word2::Valid>(); }
};

inline constexpr u32 kCommandSize = 32;
static_assert(sizeof(Command) == kCommandSize);

// What a MAPD, MAPC or MOVALL calls a vCPU. None has this one.
inline constexpr u64 kNoProcessor = 0xffff'ffff;

}  // namespace nest::vgic
