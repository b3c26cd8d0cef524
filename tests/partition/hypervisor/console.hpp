// SPDX-License-Identifier: GPL-2.0-only
// The hypervisor's own UART. One CPU writes.
#pragma once

#include "../../guests/bare/pl011.hpp"
#include "../layout.hpp"

namespace nest::partition {

inline constexpr guests::Pl011 kConsole(kHypervisorUart);

inline void print(const char* text) { kConsole.put(text); }
inline void print(u64 number) { kConsole.put(number); }
inline void print_hex(u64 number) {
    print("0x");
    kConsole.put(number, 16);
}

template <typename... More>
void print(const char* text, u64 number, const More&... more) {
    print(text);
    print(number);
    if constexpr (sizeof...(more))
        print(more...);
}

}  // namespace nest::partition
