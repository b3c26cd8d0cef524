// SPDX-License-Identifier: GPL-2.0-only
// ERET, ERETAA and ERETAB of virtual EL2. They trap because HCR_EL2.NV is set (EC 0x1a), whatever their target.
#pragma once
#include <base/tier0.hpp>
#include <nested/cpu/exception.hpp>
#include <nested/cpu/pointer_auth.hpp>

namespace nest::nested {

enum class Returned : u8 {
    kVel2,       // to virtual EL2 itself or to its user space, or illegally to nowhere: only PC and PSTATE changed
    kL2,         // to L2, PC and PSTATE are L2's: switch_to_l2() is due, then stage 2, timers and vGIC
    kUndefined,  // ERETAx of a VM without pointer authentication
    kFpac,       // the address was forged: take_exception() of `fpac_exception()`, PC and PSTATE are unchanged
};

// ISS of EC 0x1a: bit 1 ERETAx, bit 0 key B. FPAC's ISS is made of the same two bits (0 instruction; key).
inline constexpr u64 kEretAuthenticates = 2;
inline constexpr u64 kEretKeyB = 1;

constexpr Exception fpac_exception(u64 esr) {
    return Exception::sync(arch::ESR_EL2{}
                               .with<arch::ESR_EL2::EC>(static_cast<u64>(arch::Ec::kFpac))
                               .with<arch::ESR_EL2::IL>(1)
                               .with<arch::ESR_EL2::ISS>(esr & (kEretAuthenticates | kEretKeyB))
                               .raw);
}

namespace detail {
// The rarer half: everything but a plain legal return without single-step.
inline void return_with_care(VirtualEl2& v, u64 spsr, bool tge) {
    const u64 old = v.guest_pstate();
    const bool illegal = is_illegal_return(spsr, tge);
    const bool debug_at_el2 = tge || v.get<arch::MDCR_EL2>().get<arch::MDCR_EL2::TDE>();
    const bool step = returns_with_step(old, spsr, v.file.get<arch::MDSCR_EL1>(), debug_at_el2, illegal);
    v.context.pstate = to_hardware_view(pstate_at_return(old, spsr, illegal, v.config().features.mte, step));
}

// Address of an ERETAx; false: FPAC.
inline bool authenticate(arch::Cpu& cpu, VirtualEl2& v, u64 esr, u64& address) {
    using namespace arch;
    const bool key_b = esr & kEretKeyB;
    const SCTLR_EL1 sctlr = SCTLR_EL1::of(cpu.read<SCTLR_EL12>().raw);
    if (!(key_b ? sctlr.get<SCTLR_EL1::EnIB>() : sctlr.get<SCTLR_EL1::EnIA>()))
        return true;  // disabled: as a plain ERET
    u64 key[2] = {v.context.keys.ia[0], v.context.keys.ia[1]};
    if (key_b) {
        key[0] = cpu.read<APIBKeyLo_EL1>().raw;
        key[1] = cpu.read<APIBKeyHi_EL1>().raw;
    }
    const bool uses_sp_el1 = v.context.pstate & 1;  // EL2h; EL2t's modifier is SP_EL0
    const u64 modifier = uses_sp_el1 ? cpu.read<SP_EL1>().raw : v.context.sp_el0;
    const PacLayout layout = pac_layout(cpu.read<TCR_EL12>().raw, address >> 55 & 1);
    const u64 code = cpu.pacga(canonical_address(address, layout.mask), modifier, key);
    const Authenticated a = check_pac(address, code, layout, v.config().features.pac, key_b);
    address = a.address;
    return a.ok || v.config().features.pac < Pac::kFaultCombined;
}
}  // namespace detail

// Virtual EL2's registers are in hardware; esr is the trap's. PSTATE.SS of the context must be the guest's.
// The plain return costs three register reads, one load of the VNCR page and two stores.
NEST_TIER0 inline Returned emulate_eret(arch::Cpu& cpu, VirtualEl2& v, u64 esr) {
    using namespace arch;
    using P = SPSR_EL2;
    u64 address = cpu.read<ELR_EL12>().raw;
    const u64 spsr = cpu.read<SPSR_EL12>().raw;
    if (esr & kEretAuthenticates) [[unlikely]] {
        if (!v.config().features.has(Feature::kPauth))
            return Returned::kUndefined;
        if (!detail::authenticate(cpu, v, esr, address))
            return Returned::kFpac;
    }
    const bool tge = v.tge();
    // Plainly to L2: nothing of what follows applies.
    if (is_below_el2(spsr) && !((spsr & P::SS::kMask) | tge)) [[likely]] {
        vhe::GuestContext& context = v.context;
        context.pstate = spsr & known_spsr_bits(v.config().features.mte);
        context.pc = address;
        return Returned::kL2;
    }
    if ((spsr & P::SS::kMask) || is_illegal_return(spsr, tge)) [[unlikely]]
        detail::return_with_care(v, spsr, tge);
    else
        v.context.pstate = to_hardware_view(spsr & known_spsr_bits(v.config().features.mte));
    v.context.pc = address;
    if (is_illegal_return(spsr, tge)) [[unlikely]]
        return Returned::kVel2;
    // Legal: to EL2, or below it; and below it is virtual EL2's own user space if TGE is set.
    return (spsr & 0xf) >= kModeEL2t || tge ? Returned::kVel2 : Returned::kL2;
}

}  // namespace nest::nested
