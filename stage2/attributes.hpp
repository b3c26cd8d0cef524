// SPDX-License-Identifier: GPL-2.0-only
// What a stage-2 mapping permits and how it caches, apart from any encoding.
#pragma once
#include <base/types.hpp>

namespace nest::stage2 {

// The memory type that stage 2 says. Without FEAT_S2FWB the guest's stage 1 can only weaken the type ([DDI0487] D8.6.5).
enum class MemoryType : u8 { Normal, NormalNC, Device_nGnRE };

// Who may execute, when x is set. Other than Both needs FEAT_XNX; without it the page is then not executable at all.
enum class ExecAt : u8 { Both, El0Only, El1Only };

struct Prot {
    bool r = false;
    bool w = false;
    bool x = false;
    ExecAt x_at = ExecAt::Both;

    constexpr bool operator==(const Prot&) const = default;
};
inline constexpr Prot kProtR{true, false, false};
inline constexpr Prot kProtRw{true, true, false};
inline constexpr Prot kProtRx{true, false, true};
inline constexpr Prot kProtRwx{true, true, true};

struct Attributes {
    Prot prot;
    MemoryType type = MemoryType::Normal;
    u8 software = 0;  // four bits for the table's owner; hardware ignores them

    constexpr bool operator==(const Attributes&) const = default;
};

}  // namespace nest::stage2
