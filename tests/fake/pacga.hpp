// SPDX-License-Identifier: GPL-2.0-only
// A code that depends on every input, in place of QARMA.
#pragma once
#include <tests/fake/cpu.hpp>

namespace nest::test {

struct FakePacga {
    u64 operator()(FakeCpu&, u64 address, u64 modifier, const u64 (&key)[2]) const {
        return (address ^ modifier * 0x9e37'79b9'7f4a'7c15 ^ key[0] ^ (key[1] << 1)) & 0xffff'ffff'0000'0000;
    }
};

}  // namespace nest::test
