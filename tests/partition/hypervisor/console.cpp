// SPDX-License-Identifier: GPL-2.0-only
#include "console.hpp"

#include "../../guests/bare/regs.hpp"

namespace nest::partition {
namespace {

constexpr u64 kData = kHypervisorUart, kFlags = kHypervisorUart + 0x18, kControl = kHypervisorUart + 0x30;
constexpr u32 kTransmitFull = 1 << 5, kEnable = 1 << 8 | 1 << 0;       // TXE, UARTEN

void put(char c) {
    guests::memory32(kControl) = kEnable;
    while (guests::memory32(kFlags) & kTransmitFull) {
    }
    guests::memory32(kData) = static_cast<unsigned char>(c);
}

void print_digits(u64 number, unsigned base) {
    char digits[20];
    int n = 0;
    do
        digits[n++] = "0123456789abcdef"[number % base];
    while (number /= base);
    while (n)
        put(digits[--n]);
}

}  // namespace

void print(const char* text) {
    while (*text)
        put(*text++);
}
void print(u64 number) { print_digits(number, 10); }
void print_hex(u64 number) {
    print("0x");
    print_digits(number, 16);
}

}  // namespace nest::partition
