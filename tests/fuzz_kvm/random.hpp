// SPDX-License-Identifier: GPL-2.0-only
// Numbers that a seed decides, on every machine and with every compiler.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>

namespace nest::fuzz_kvm {

using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;

// A counter of odd steps, mixed: each seed is a stream of its own, near seeds included.
class Random {
public:
    explicit constexpr Random(u64 seed) : state_(seed) {}

    constexpr u64 next() {
        state_ += 0x9e37'79b9'7f4a'7c15;
        u64 z = state_;
        z = (z ^ z >> 30) * 0xbf58'476d'1ce4'e5b9;
        z = (z ^ z >> 27) * 0x94d0'49bb'1331'11eb;
        return z ^ z >> 31;
    }
    // 0 to `count` - 1; 0 for a count of 0.
    constexpr u64 below(u64 count) { return count ? next() % count : 0; }
    constexpr bool one_in(u64 count) { return below(count) == 0; }
    constexpr bool percent(u64 of_hundred) { return below(100) < of_hundred; }

    template <typename T>
    constexpr T of(std::initializer_list<T> values) {
        return values.begin()[below(values.size())];
    }
    template <typename T, size_t n>
    constexpr const T& of(const T (&values)[n]) {
        return values[below(n)];
    }

    // A number as interfaces stumble over: small, near a power of two, all ones, or anything.
    constexpr u64 number() {
        switch (below(6)) {
        case 0: return below(4);
        case 1: return below(256);
        case 2: return (u64{1} << below(64)) + below(3) - 1;
        case 3: return ~u64{0} - below(4);
        case 4: return next() & 0xffff'ffff;
        default: return next();
        }
    }

private:
    u64 state_;
};

}  // namespace nest::fuzz_kvm
