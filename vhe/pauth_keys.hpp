// SPDX-License-Identifier: GPL-2.0-only
// The four pointer-authentication keys that the host's kernel does not use itself: swapped at load and put, in C++.
// The fifth, APIAKey, signs the kernel's return addresses: enter.S swaps it.
#pragma once
#include <arch/cpu.hpp>

namespace nest::vhe {

inline void save_other_keys(arch::Cpu& cpu, u64 (&half)[8]) {
    using namespace arch;
    half[0] = cpu.read<APIBKeyLo_EL1>().raw;
    half[1] = cpu.read<APIBKeyHi_EL1>().raw;
    half[2] = cpu.read<APDAKeyLo_EL1>().raw;
    half[3] = cpu.read<APDAKeyHi_EL1>().raw;
    half[4] = cpu.read<APDBKeyLo_EL1>().raw;
    half[5] = cpu.read<APDBKeyHi_EL1>().raw;
    half[6] = cpu.read<APGAKeyLo_EL1>().raw;
    half[7] = cpu.read<APGAKeyHi_EL1>().raw;
}

inline void load_other_keys(arch::Cpu& cpu, const u64 (&half)[8]) {
    using namespace arch;
    cpu.write(APIBKeyLo_EL1::of(half[0]));
    cpu.write(APIBKeyHi_EL1::of(half[1]));
    cpu.write(APDAKeyLo_EL1::of(half[2]));
    cpu.write(APDAKeyHi_EL1::of(half[3]));
    cpu.write(APDBKeyLo_EL1::of(half[4]));
    cpu.write(APDBKeyHi_EL1::of(half[5]));
    cpu.write(APGAKeyLo_EL1::of(half[6]));
    cpu.write(APGAKeyHi_EL1::of(half[7]));
}

}  // namespace nest::vhe
