// SPDX-License-Identifier: GPL-2.0-only
// Text on the PL011 of QEMU's virt board. Each character is an exit to QEMU, so nothing prints while it measures.
#pragma once

#include "../../tests/guests/bare/regs.hpp"

namespace nest::qemu_guest {

using namespace guests;     // registers by name

inline constexpr u64 kUart = 0x0900'0000;

inline void enable_console() { memory32(kUart + 0x30) = 0x301; }    // UARTCR: UARTEN, TXE, RXE

inline void put(char c) {
    while (memory32(kUart + 0x18) & bit(5)) {                       // UARTFR.TXFF
    }
    memory32(kUart) = u32(c);
}

inline void put(const char* text) {
    while (*text)
        put(*text++);
}

inline void put(u64 value, unsigned base = 10) {
    char digits[24];
    unsigned count = 0;
    do
        digits[count++] = "0123456789abcdef"[value % base];
    while (value /= base);
    while (count)
        put(digits[--count]);
}

}  // namespace nest::qemu_guest
