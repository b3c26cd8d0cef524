// SPDX-License-Identifier: GPL-2.0-only
// Which timer accesses of the guest trap: the EL1 controls of CNTHCTL_EL2 in its E2H layout, [DDI0487] D24.10.2.
#pragma once
#include <arch/cpu.hpp>
#include <base/tier0.hpp>

namespace nest::timer {

struct TimerTraps {
    bool physical_timer = false;       // CNTP_{CTL,CVAL,TVAL}_EL0
    bool physical_counter = false;     // CNTPCT_EL0
    bool virtual_timer = false;        // CNTV_{CTL,CVAL,TVAL}_EL0; needs FEAT_ECV
    bool virtual_counter = false;      // CNTVCT_EL0; needs FEAT_ECV
    bool physical_timer_el02 = false;  // the EL02 names at virtual EL2; needs FEAT_ECV
    bool virtual_timer_el02 = false;
    bool offset_physical = false;      // CNTPOFF_EL2 takes effect; needs FEAT_ECV_POFF
};

// All other bits of `host` stay: they are the host's, which writes the EL0 bits by the name CNTKCTL_EL1.
constexpr arch::CNTHCTL_EL2 with_traps(arch::CNTHCTL_EL2 host, const TimerTraps& t) {
    using R = arch::CNTHCTL_EL2;
    return host.with<R::EL1PTEN>(!t.physical_timer)
        .with<R::EL1PCTEN>(!t.physical_counter)
        .with<R::EL1TVT>(t.virtual_timer)
        .with<R::EL1TVCT>(t.virtual_counter)
        .with<R::EL1NVPCT>(t.physical_timer_el02)
        .with<R::EL1NVVCT>(t.virtual_timer_el02)
        .with<R::ECV>(t.offset_physical);
}

// With L1's CNTHCTL_EL2 (E2H layout) merged in, for the time that L2 runs: traps only add up.
constexpr TimerTraps merged(TimerTraps ours, arch::CNTHCTL_EL2 l1) {
    using R = arch::CNTHCTL_EL2;
    ours.physical_timer |= !l1.get<R::EL1PTEN>();
    ours.physical_counter |= !l1.get<R::EL1PCTEN>();
    ours.virtual_timer |= l1.get<R::EL1TVT>() != 0;
    ours.virtual_counter |= l1.get<R::EL1TVCT>() != 0;
    ours.physical_timer_el02 |= l1.get<R::EL1NVPCT>() != 0;
    ours.virtual_timer_el02 |= l1.get<R::EL1NVVCT>() != 0;
    return ours;
}

// with_traps()' bits alone, ready for set_traps().
constexpr arch::CNTHCTL_EL2 trap_bits(const TimerTraps& t) { return with_traps(arch::CNTHCTL_EL2{}, t); }

// The host rewrites its EL0 bits at each context switch, so the register is read, and written only for a difference.
NEST_TIER0 [[gnu::always_inline]] inline void set_traps(arch::Cpu& cpu, arch::CNTHCTL_EL2 bits) {
    using R = arch::CNTHCTL_EL2;
    constexpr u64 kOurs = R::mask<R::EL1PTEN, R::EL1PCTEN, R::EL1TVT, R::EL1TVCT, R::EL1NVPCT, R::EL1NVVCT, R::ECV>();
    const auto host = cpu.read<R>();
    const auto wanted = R::of((host.raw & ~kOurs) | bits.raw);
    if (!(wanted == host))
        cpu.write(wanted);
}

}  // namespace nest::timer
