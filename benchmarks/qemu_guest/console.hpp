// SPDX-License-Identifier: GPL-2.0-only
// Text on the first UART of QEMU's virt board.
#pragma once

#include "../../tests/guests/bare/pl011.hpp"

namespace nest::qemu_guest {

using namespace guests;     // registers by name

inline constexpr Pl011 kConsole(0x0900'0000);

inline void enable_console() { kConsole.enable(); }
inline void put(const char* text) { kConsole.put(text); }
inline void put(u64 value, unsigned radix = 10) { kConsole.put(value, radix); }

}  // namespace nest::qemu_guest
