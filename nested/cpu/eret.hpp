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
    kAgain,      // nothing was done: L1 has chosen another E2H (VirtualEl2::form_is_stale())
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

// What ERETAx finds in ELR_EL2: kL2 with the address without its code, or why there is no return.
struct Authentication {
    Returned result;
    u64 address;
};
// As a call: with the algorithm inside of a plain ERET the compiler spills registers there.
[[gnu::noinline, gnu::cold]] inline Authentication authenticate(arch::Cpu& cpu, VirtualEl2& v, u64 esr, u64 address) {
    using namespace arch;
    // Before anything else, as what a signed address looks like depends on the form.
    if (v.e2h_was_written())
        return {Returned::kAgain, address};
    const Features& features = v.config().features;
    if (!features.has(Feature::kPauth))
        return {Returned::kUndefined, address};
    const bool key_b = esr & kEretKeyB;
    const SCTLR_EL1 sctlr = SCTLR_EL1::of(cpu.read<SCTLR_EL12>().raw);
    if (!(key_b ? sctlr.get<SCTLR_EL1::EnIB>() : sctlr.get<SCTLR_EL1::EnIA>()))
        return {Returned::kL2, address};  // disabled: as a plain ERET
    u64 key[2] = {v.context.keys.ia[0], v.context.keys.ia[1]};
    if (key_b) {
        key[0] = cpu.read<APIBKeyLo_EL1>().raw;
        key[1] = cpu.read<APIBKeyHi_EL1>().raw;
    }
    const bool uses_sp_el1 = v.context.pstate & 1;  // EL2h; EL2t's modifier is SP_EL0
    const u64 modifier = uses_sp_el1 ? cpu.read<SP_EL1>().raw : v.context.sp_el0;
    // Hardware has TCR_EL1's layout in either form; without E2H there is one range.
    const PacLayout layout = pac_layout(cpu.read<TCR_EL12>().raw, v.e2h() && (address >> 55 & 1));
    const u64 code = cpu.pacga(canonical_address(address, layout.mask), modifier, key);
    const Authenticated a = check_pac(address, code, layout, features.pac, key_b);
    return {a.ok || features.pac < Pac::kFaultCombined ? Returned::kL2 : Returned::kFpac, a.address};
}
}  // namespace detail

// Virtual EL2's registers are in hardware; esr is the trap's. PSTATE.SS of the context must be the guest's.
// The plain return costs two register reads, one load of the VNCR page and two stores. `e2h`: VirtualEl2::e2h().
template <bool e2h>
NEST_TIER0 [[gnu::always_inline]] inline Returned emulate_eret(arch::Cpu& cpu, VirtualEl2& v, u64 esr) {
    using namespace arch;
    using P = SPSR_EL2;
    u64 address = cpu.read<ELR_EL12>().raw;
    u64 spsr = cpu.read<SPSR_EL12>().raw;
    if constexpr (!e2h)
        spsr = vhe::spsr_in(v.form(), spsr);
    if (esr & kEretAuthenticates) [[unlikely]] {
        const detail::Authentication a = detail::authenticate(cpu, v, esr, address);
        if (a.result != Returned::kL2)
            return a.result;
        address = a.address;
    }
    // Plainly to L2: nothing of what follows applies.
    if (is_below_el2(spsr) && !((spsr & P::SS::kMask) | v.tge_or_another_e2h())) [[likely]] {
        vhe::GuestContext& context = v.context;
        context.pstate = spsr & known_spsr_bits(v.config().features.mte);
        context.pc = address;
        return Returned::kL2;
    }
    if (v.e2h_was_written()) [[unlikely]]
        return Returned::kAgain;
    const bool tge = v.tge();
    if ((spsr & P::SS::kMask) || is_illegal_return(spsr, tge)) [[unlikely]]
        detail::return_with_care(v, spsr, tge);
    else
        v.context.pstate = to_hardware_view(spsr & known_spsr_bits(v.config().features.mte));
    v.context.pc = address;
    if (is_illegal_return(spsr, tge)) [[unlikely]]
        return Returned::kVel2;
    // Legal: to EL2, or below it; and below it is virtual EL2's own user space if E2H and TGE are set.
    return (spsr & 0xf) >= kModeEL2t || (tge && e2h) ? Returned::kVel2 : Returned::kL2;
}

NEST_TIER0 inline Returned emulate_eret(arch::Cpu& cpu, VirtualEl2& v, u64 esr) {
    return v.e2h() ? emulate_eret<true>(cpu, v, esr) : emulate_eret<false>(cpu, v, esr);
}

}  // namespace nest::nested
