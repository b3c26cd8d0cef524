// SPDX-License-Identifier: GPL-2.0-only
// The end of every broadcast TLB maintenance.
#pragma once
#include <arch/cpu.hpp>
#include <arch/errata.hpp>

namespace nest::stage2 {

// After the last broadcast TLBI of a sequence: on return the whole sequence is complete on all CPUs. Any context.
inline void finish_broadcast(arch::Cpu& cpu) {
    cpu.dsb<arch::Barrier::ISH>();
    if (arch::has_erratum(arch::Erratum::kRepeatTlbi)) [[unlikely]] {
        cpu.tlbi<arch::Tlbi::VALE1IS>(0);  // any broadcast TLBI will do
        cpu.dsb<arch::Barrier::ISH>();
    }
    cpu.isb();
}

}  // namespace nest::stage2
