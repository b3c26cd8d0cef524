// SPDX-License-Identifier: GPL-2.0-only
// Whose is an exit of a vCPU with virtual EL2: ours, or an exception to virtual EL2?
#pragma once
#include <arch/syndrome.hpp>
#include <base/tier0.hpp>
#include <nested/vel2/virtual_el2.hpp>

namespace nest::nested {

enum class Route : u8 {
    kOurs,     // as for a flat guest; at virtual EL2: emulate_el2_access() first, emulate_eret() for EC 0x1a
    kForward,  // take_exception() to virtual EL2 with the exit's ESR_EL2 as it is (FAR_EL2 too, for a debug exception)
    kUndefined,  // UNDEFINED where the vCPU is: L2's EL1, or virtual EL2
    kStage2,     // an abort: the shadow MMU knows whether L1's tables or ours are behind it
    kVncr,       // an access of L2, a hypervisor itself, that FEAT_NV2 redirects (nested/cpu/vncr_access.hpp)
    kForwardFp,  // take_exception(Exception::fp_access())
};

// The part for EC 0x18 of an exit from L2.
Route route_sysreg(const VirtualEl2& v, arch::SysRegIss iss);

namespace detail {
Route route_in_guest(const VirtualEl2& v, u64 esr);
}

// `esr` is the exit's. Tier 0; a search of eight steps for a system register, else a few tests.
NEST_TIER0 inline Route route(const VirtualEl2& v, u64 esr) {
    using namespace arch;
    switch (static_cast<Ec>(ESR_EL2::of(esr).get<ESR_EL2::EC>())) {
    // Stage-2 aborts, in either world: no trap control of L1's asks for them.
    case Ec::kDataAbortLower:
    case Ec::kInstrAbortLower:
        return Route::kStage2;
    case Ec::kHvc64:  // HCR_EL2.HCD is RES0 (register_masks.def)
        return Route::kForward;
    case Ec::kSysReg:
        // L1's controls act on L2 and on L1's own user space; an access of virtual EL2 itself is always emulated.
        if (v.in_l2() || v.at_el0())
            return route_sysreg(v, SysRegIss::of(esr & ESR_EL2::ISS::kMask));
        return Route::kOurs;
    default:
        return v.in_l2() ? detail::route_in_guest(v, esr) : Route::kOurs;
    }
}

}  // namespace nest::nested
