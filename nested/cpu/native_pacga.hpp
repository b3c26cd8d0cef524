// SPDX-License-Identifier: GPL-2.0-only
// PACGA on the machine, for emulate_eret(). Interrupts off, FEAT_PAuth; APGAKey is swapped for the time of it, which
// signs no return address of ours.
#pragma once
#include <arch/native_cpu.hpp>

namespace nest::nested {

struct NativePacga {
    u64 operator()(arch::NativeCpu& cpu, u64 address, u64 modifier, const u64 (&key)[2]) const {
        using namespace arch;
        const auto low = cpu.read<APGAKeyLo_EL1>();
        const auto high = cpu.read<APGAKeyHi_EL1>();
        cpu.write(APGAKeyLo_EL1::of(key[0]));
        cpu.write(APGAKeyHi_EL1::of(key[1]));
        cpu.isb();
        // pacga x0, x0, x1 by its encoding: the assembler's default architecture may not know it.
        register u64 x0 asm("x0") = address;
        register u64 x1 asm("x1") = modifier;
        asm volatile(".inst 0x9ac13000" : "+r"(x0) : "r"(x1));
        const u64 code = x0;
        cpu.isb();
        cpu.write(low);
        cpu.write(high);
        return code;
    }
};

}  // namespace nest::nested
