// SPDX-License-Identifier: GPL-2.0-only
// Exceptions taken to virtual EL2 in the guest's place: [DDI0487] D1.3.
#pragma once
#include <arch/syndrome.hpp>
#include <base/tier0.hpp>
#include <nested/cpu/world_switch.hpp>
#include <nested/vel2/virtual_el2.hpp>

namespace nest::nested {

using arch::Vector;

// What the exception leaves in virtual EL2's registers.
struct Exception {
    Vector vector = Vector::kSync;
    bool has_esr = false, has_far = false, has_hpfar = false;
    u64 esr = 0, far = 0, hpfar = 0;

    static constexpr Exception interrupt(Vector v) { return {v, false, false, false, 0, 0, 0}; }
    static constexpr Exception sync(u64 esr) { return {Vector::kSync, true, false, false, esr, 0, 0}; }
    static constexpr Exception abort(u64 esr, u64 far) { return {Vector::kSync, true, true, false, esr, far, 0}; }
    // Of stage 2: hpfar in HPFAR_EL2's own layout.
    static constexpr Exception stage2(u64 esr, u64 far, u64 hpfar) {
        return {Vector::kSync, true, true, true, esr, far, hpfar};
    }
    static constexpr Exception serror(u64 iss) {
        return {Vector::kSerror, true, false, false,
                arch::ESR_EL2{}.with<arch::ESR_EL2::EC>(static_cast<u64>(arch::Ec::kSerror)).with<arch::ESR_EL2::IL>(1)
                    .with<arch::ESR_EL2::ISS>(iss).raw, 0, 0};
    }
    static constexpr Exception trapped(arch::Ec ec, u64 iss) {
        return sync(arch::ESR_EL2{}.with<arch::ESR_EL2::EC>(static_cast<u64>(ec)).with<arch::ESR_EL2::IL>(1)
                        .with<arch::ESR_EL2::ISS>(iss).raw);
    }
    static constexpr Exception sve_access() { return trapped(arch::Ec::kSve, 0); }
    static constexpr Exception fp_access() { return trapped(arch::Ec::kFpAccess, u64{1} << 24 | u64{0xe} << 20); }  // CV, COND
    // ESR_EL2.IL is 1 for EC 0, whatever the instruction's length.
    static constexpr Exception undefined() { return sync(arch::ESR_EL2::IL::kMask); }
};

// ESR_EL2 of an abort that the VM's memory system reports to virtual EL2; EC says whether it came from a lower EL.
inline u64 abort_esr(const VirtualEl2& v, bool instruction, u64 iss) {
    const bool same = v.in_vel2() && !v.at_el0();
    const arch::Ec ec = instruction ? (same ? arch::Ec::kInstrAbortSame : arch::Ec::kInstrAbortLower)
                                    : (same ? arch::Ec::kDataAbortSame : arch::Ec::kDataAbortLower);
    return arch::ESR_EL2{}.with<arch::ESR_EL2::EC>(static_cast<u64>(ec)).with<arch::ESR_EL2::IL>(1)
        .with<arch::ESR_EL2::ISS>(iss).raw;
}

namespace detail {

// `loaded`: virtual EL2's banked registers are in hardware; else they are in the register file.
inline void leave_syndrome(arch::Cpu& cpu, VirtualEl2& v, const Exception& e, u64 old, bool loaded) {
    using arch::SysReg;
    v.write(cpu, SysReg::ELR_EL2, v.context.pc, loaded);
    v.write(cpu, SysReg::SPSR_EL2, old, loaded);
    if (e.has_esr)
        v.write(cpu, SysReg::ESR_EL2, e.esr, loaded);
    if (e.has_far)
        v.write(cpu, SysReg::FAR_EL2, e.far, loaded);
    if (e.has_hpfar)
        v.file.set(SysReg::HPFAR_EL2, e.hpfar);
}

inline void enter_vector(arch::Cpu& cpu, VirtualEl2& v, Vector vector, u64 old, bool loaded) {
    using arch::SysReg;
    const auto sctlr = arch::SCTLR_EL1::of(v.read(cpu, SysReg::SCTLR_EL2, loaded));
    v.context.pc = v.read(cpu, SysReg::VBAR_EL2, loaded) + vector_block(old) + static_cast<u64>(vector);
    v.context.pstate = pstate_at_entry(old, {sctlr, v.hosts_el0(), v.config().features.mte});
}

// From L2: the values go into the file, from which the switch loads them. L2 runs with TGE clear.
template <bool e2h>
NEST_TIER0 [[gnu::always_inline]] inline void take_from_l2(arch::Cpu& cpu, VirtualEl2& v, const Exception& e, SwitchArgs args) {
    using arch::SysReg;
    vhe::GuestContext& context = v.context;
    const u64 old = context.pstate;
    {
        const vncr::RegisterFile::View view = v.file.view();
        view.set(SysReg::ELR_EL2, context.pc);
        view.set(SysReg::SPSR_EL2, old);
        if (e.has_esr)
            view.set(SysReg::ESR_EL2, e.esr);
        if (e.has_far)
            view.set(SysReg::FAR_EL2, e.far);
        if (e.has_hpfar)
            view.set(SysReg::HPFAR_EL2, e.hpfar);
    }
    switch_to_vel2<e2h>(cpu, v, args);
    const vncr::RegisterFile::View view = v.file.view();
    const auto sctlr = arch::SCTLR_EL1::of(view.get(SysReg::SCTLR_EL2));
    context.pc = view.get(SysReg::VBAR_EL2) + guest_vector_block(old) + static_cast<u64>(e.vector);
    context.pstate = pstate_at_entry(old, {sctlr, false, v.config().features.mte});
}

}  // namespace detail

// To virtual EL2 from wherever the vCPU is. PC must be the preferred return address: that of the instruction for a trap
// or an abort, the next one for HVC (hardware has done so). PSTATE.SS must be the guest's, not a VMM's. The registers
// are in this CPU's hardware. True: the vCPU was in L2, this was a switch of worlds, and stage 2, timers and vGIC must follow.
// `e2h`: VirtualEl2::e2h().
template <bool e2h>
NEST_TIER0 [[gnu::always_inline]] inline bool take_exception(arch::Cpu& cpu, VirtualEl2& v, const Exception& e, SwitchArgs args) {
    if (v.in_l2()) {
        detail::take_from_l2<e2h>(cpu, v, e, args);
        return true;
    }
    const u64 old = v.guest_pstate();
    detail::leave_syndrome(cpu, v, e, old, true);
    detail::enter_vector(cpu, v, e.vector, old, true);
    return false;
}

NEST_TIER0 inline bool take_exception(arch::Cpu& cpu, VirtualEl2& v, const Exception& e, SwitchArgs args) {
    return v.e2h() ? take_exception<true>(cpu, v, e, args) : take_exception<false>(cpu, v, e, args);
}

// The same while the vCPU is not loaded (KVM_SET_VCPU_EVENTS, a reset). `cpu` is not touched.
void take_exception_in_memory(arch::Cpu& cpu, VirtualEl2& v, const Exception& e);

}  // namespace nest::nested
