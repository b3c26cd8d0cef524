// SPDX-License-Identifier: GPL-2.0-only
// Text on a PL011 of QEMU's virt board. One CPU writes; where each access is an exit, nothing prints while it measures.
#pragma once

#include "regs.hpp"

namespace nest::guests {

class Pl011 {
public:
    constexpr explicit Pl011(u64 base) : base_(base) {}
    // Once, before the first character: UARTCR's UARTEN, TXE and RXE.
    void enable() const { memory32(base_ + 0x30) = 0x301; }

    void put(char c) const {
        while (memory32(base_ + 0x18) & bit(5)) {   // UARTFR.TXFF
        }
        memory32(base_) = u32(c);
    }
    void put(const char* text) const {
        while (*text)
            put(*text++);
    }
    void put(u64 value, unsigned radix = 10) const {
        char digits[24];
        unsigned count = 0;
        do
            digits[count++] = "0123456789abcdef"[value % radix];
        while (value /= radix);
        while (count)
            put(digits[--count]);
    }

private:
    u64 base_;
};

}  // namespace nest::guests
