// SPDX-License-Identifier: GPL-2.0-only
#include "guest.hpp"

#include <algorithm>
#include <cstring>

#include "instructions.hpp"
#include "layout.hpp"

extern "C" const char guest_image[], guest_image_end[], guest_start[], guest_eret[];

namespace nest::fuzz_kvm {
namespace {

void store(char* ram, u64 offset, u64 value) { std::memcpy(ram + offset, &value, sizeof value); }

constexpr u64 kStage2Block = 1 | 0xf << 2 | 3 << 6 | 3 << 8 | 1 << 10;      // Normal, read and write, shareable, AF

// RAM, and the GiB of devices, to themselves; 4 KiB granule, from level 1.
void good_tables(char* ram) {
    store(ram, kGoodTables + 0 * 8, kStage2Block);
    store(ram, kGoodTables + 1 * 8, kRam | kStage2Block);
}

u64 descriptor(Random& r) {
    const u64 bits = r.percent(60) ? kStage2Block | r.below(4) : (r.next() & 0xfff) | (r.next() & 0xfff0'0000'0000'0000);
    switch (r.below(6)) {
    case 0: return 0;
    case 1: return kRam + kRandomTables + r.below(kTables) * kPage + 3;     // a table of this collection, cycles included
    case 2: return (guest_address(r) & ~u64{0xfff}) | 3;
    case 3: return (guest_address(r) & ~u64{0x1f'ffff}) | bits;
    case 4: return ((guest_address(r) & ~u64{0xfff}) & 0xffff'ffff'ffff) | bits;
    default: return r.number();
    }
}

}  // namespace

void fill_code(Random& r, char* ram) {
    std::vector<u32> code;
    while (code.size() < kCodeSize / 4 - 1)
        add_instruction(r, code);
    code.resize(kCodeSize / 4 - 1);
    code.push_back(0x1400'0000 | ((0 - code.size()) & 0x3ff'ffff));     // B to its beginning
    std::memcpy(ram + kCode, code.data(), kCodeSize);
    __builtin___clear_cache(ram + kCode, ram + kCode + kCodeSize);
}

void fill_tables(Random& r, char* ram) {
    for (u64 i = 0; i < kTables * kPage / 8; i++)
        store(ram, kRandomTables + i * 8, descriptor(r));
}

void fill_ram(Random& r, char* ram) {
    const auto size = static_cast<size_t>(guest_image_end - guest_image);
    std::memcpy(ram, guest_image, size);
    __builtin___clear_cache(ram, ram + size);
    good_tables(ram);
    fill_tables(r, ram);
    fill_code(r, ram);
}

u64 start_address() { return kRam + static_cast<u64>(guest_start - guest_image); }
u64 eret_address() { return kRam + static_cast<u64>(guest_eret - guest_image); }

}  // namespace nest::fuzz_kvm
