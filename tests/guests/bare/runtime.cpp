// SPDX-License-Identifier: GPL-2.0-only
// What the compiler wants to call. Byte by byte, and never a call of themselves.

extern "C" void* memset(void* to, int value, decltype(sizeof(0)) size) {
    for (auto* byte = static_cast<volatile unsigned char*>(to); size; size--)
        *byte++ = static_cast<unsigned char>(value);
    return to;
}

extern "C" void* memcpy(void* to, const void* from, decltype(sizeof(0)) size) {
    auto* out = static_cast<volatile unsigned char*>(to);
    for (auto* in = static_cast<const unsigned char*>(from); size; size--)
        *out++ = *in++;
    return to;
}
