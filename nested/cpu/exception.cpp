// SPDX-License-Identifier: GPL-2.0-only
#include <nested/cpu/exception.hpp>

namespace nest::nested {

void take_exception_in_memory(arch::Cpu& cpu, VirtualEl2& v, const Exception& e) {
    const u64 old = v.guest_pstate();
    detail::leave_syndrome(cpu, v, e, old, false);
    v.set_world(World::kVel2);
    detail::enter_vector(cpu, v, e.vector, old, false);
}

}  // namespace nest::nested
