// SPDX-License-Identifier: GPL-2.0-only
// The hypervisor's own UART, a PL011. One CPU writes.
#pragma once

#include "../layout.hpp"

namespace nest::partition {

void print(const char* text);
void print(u64 number);         // decimal
void print_hex(u64 number);

template <typename... More>
void print(const char* text, u64 number, const More&... more) {
    print(text);
    print(number);
    if constexpr (sizeof...(more))
        print(more...);
}

}  // namespace nest::partition
