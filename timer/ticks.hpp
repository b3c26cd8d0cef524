// SPDX-License-Identifier: GPL-2.0-only
// Counter ticks to nanoseconds by multiplication: the module has no 128-bit division.
#pragma once
#include <base/types.hpp>

namespace nest::timer {

inline constexpr u64 kNever = ~u64{0};  // ns: no deadline

// Rounds up, so that a sleep of that length never ends before the deadline; the error is below one ns plus 2^-32 of
// the true value, at any frequency up to 1 GHz (Armv8.6's fixed one). `hz` is CNTFRQ_EL0 and must not be 0.
class TickScale {
public:
    constexpr TickScale() = default;
    constexpr explicit TickScale(u32 hz) : multiplier_((kNsPerSecond << 32) / hz + 1) {}

    // Saturates just below kNever: five hundred years are no different from more.
    constexpr u64 to_ns(u64 ticks) const {
        const unsigned __int128 product = static_cast<unsigned __int128>(ticks) * multiplier_ + 0xffff'ffffu;
        return product >> 96 ? kNever - 1 : static_cast<u64>(product >> 32);
    }

private:
    static constexpr u64 kNsPerSecond = 1'000'000'000;
    u64 multiplier_ = u64{1} << 32;  // ns per tick, 32 fractional bits; 1 GHz unless told
};

}  // namespace nest::timer
