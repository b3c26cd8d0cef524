// SPDX-License-Identifier: GPL-2.0-only
// Binary search over indices.
#pragma once
#include <base/types.hpp>
#include <cstddef>

namespace nest {

// How many elements at the beginning of a sorted sequence come before what is sought: before(index) holds for these, and for
// none behind them.
template <typename Fn>
constexpr size_t partition_point(size_t count, Fn before) {
    size_t low = 0, high = count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (before(middle))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

}  // namespace nest
