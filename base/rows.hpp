// SPDX-License-Identifier: GPL-2.0-only
// Code for each row of a constexpr table, where the row has to be a constant of the code: the register of an MSR, the case of
// a switch. Where it may be a variable, a loop over the table is all there is to it.
//
//   for_each_row<kTable>([&]<size_t i>() { cpu.write(Named<kTable[i].reg>::of(0)); });
//
// On a way that matters the lambda is __attribute__((always_inline)): the compiler may well think that two dozen are enough.
#pragma once
#include <cstddef>
#include <utility>

namespace nest {

template <const auto& kTable>
inline constexpr size_t kRowCount = sizeof(kTable) / sizeof(kTable[0]);

template <const auto& kTable, typename See>
[[gnu::always_inline]] constexpr void for_each_row(See&& see) {
    [&]<size_t... i>(std::index_sequence<i...>) __attribute__((always_inline)) {
        (see.template operator()<i>(), ...);
    }(std::make_index_sequence<kRowCount<kTable>>());
}

}  // namespace nest
