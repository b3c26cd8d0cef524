// SPDX-License-Identifier: GPL-2.0-only
// SVE's registers of the fake CPU: as long as ZCR_EL2 of arch::cpu() makes them at EL2. Each access checks what vhe/sve.S asks for.
#pragma once
#include <base/types.hpp>

namespace nest::test {

struct FakeSve {
    // The lengths that the CPU has, a bit for each number of quadwords less one.
    u32 lengths = 0xb;  // 128, 256 and 512 bits
    u8 z[32][256] = {};
    u8 p[17][32] = {};  // p[16]: FFR
    unsigned loads = 0, saves = 0;

    unsigned long vector_bytes() const;
    void save(u8* to);
    void load(const u8* from);
};

}  // namespace nest::test
