// SPDX-License-Identifier: GPL-2.0-only
// The accesses of virtual EL2 that a hypervisor makes at each of its world switches and that trap with NV2 all the same, answered
// without a search: CPACR_EL1 (with E2H), MDCR_EL2, and without E2H CPTR_EL2, VBAR_EL2 and CNTHCTL_EL2. Each does what
// emulate_el2_access() does the longer way.
//
// Context: as el2_sysreg.hpp.
#pragma once
#include <arch/syndrome.hpp>
#include <base/tier0.hpp>
#include <nested/vel2/virtual_el2.hpp>

namespace nest::nested {

// Completes the access, Rt and PC included. False: it is none of these, and nothing was done.
NEST_TIER0 bool answer_at_once(arch::Cpu& cpu, VirtualEl2& v, arch::SysRegIss iss);

// A read whose answer is the same for virtual EL2 as for any guest.
constexpr bool reads_identification(arch::SysRegIss iss) {
    const arch::Encoding e = iss.encoding();
    return iss.get<arch::SysRegIss::Read>() && e.op0() == 3 && e.op1() == 0 && e.crn() == 0 && e.crm() != 0;
}

}  // namespace nest::nested
