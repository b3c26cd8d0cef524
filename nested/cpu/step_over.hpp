// SPDX-License-Identifier: GPL-2.0-only
// Past an instruction of virtual EL2 that was emulated.
#pragma once
#include <base/tier0.hpp>
#include <nested/vel2/virtual_el2.hpp>

namespace nest::nested {

NEST_TIER0 inline void step_over(VirtualEl2& v) {
    using P = arch::SPSR_EL2;
    v.context.pc += 4;
    v.context.pstate &= ~P::mask<P::BTYPE, P::SS>();
}

}  // namespace nest::nested
