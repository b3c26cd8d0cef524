// SPDX-License-Identifier: GPL-2.0-only
#include <arch/syndrome.hpp>
#include <kvm/cpu/id_registers.hpp>
#include <kvm/cpu/inject.hpp>

namespace nest::kvm {
namespace {

using namespace arch;

// The vectors' block, by where the exception comes from: [DDI0487] table D1-7.
u64 vector_block(SPSR_EL2 pstate) {
    if (pstate.get<SPSR_EL2::M4>())
        return 0x600;
    switch (pstate.raw & 0xf) {
    case kModeEL1h: return 0x200;
    case kModeEL1t: return 0x000;
    default: return 0x400;
    }
}

u64 pstate_at_el1(const CpuState& state, SPSR_EL2 old) {
    using P = SPSR_EL2;
    auto sctlr = SCTLR_EL1::of(state.read(SysReg::SCTLR_EL1));
    // Unchanged: NZCV, DIT, PAN. UAO, SS, IL and BTYPE become 0, as does what only AArch32 has.
    P now = P::of(old.raw & P::mask<P::N, P::Z, P::C, P::V, P::DIT, P::PAN>());
    if (!sctlr.get<SCTLR_EL1::SPAN>())
        now = now.with<P::PAN>(1);
    if (state.ids.get<ID_AA64PFR1_EL1>().get<ID_AA64PFR1_EL1::MTE>())
        now = now.with<P::TCO>(1);
    return now.with<P::SSBS>(sctlr.get<SCTLR_EL1::DSSBS>())
        .with<P::D>(1).with<P::A>(1).with<P::I>(1).with<P::F>(1).with<P::M>(kModeEL1h).raw;
}

u64 make_esr(Ec ec, u64 iss) {
    return ESR_EL2{}.with<ESR_EL2::EC>(static_cast<u64>(ec)).with<ESR_EL2::IL>(1).with<ESR_EL2::ISS>(iss).raw;
}

u64 fault_status(AbortKind kind, int level) {
    switch (kind) {
    case AbortKind::kExternal: return kFscExternal;
    case AbortKind::kExternalOnWalk: return static_cast<u64>(static_cast<int>(kFscExternalOnWalk) + level);
    case AbortKind::kAddressSize: return kFscAddressSize;
    case AbortKind::kExclusiveAtomic: return kFscExclusiveAtomic;
    case AbortKind::kAtomicUpdate: return kFscAtomicUpdate;
    }
    return kFscExternal;
}

void inject_abort(CpuState& state, Ec lower, Ec same, u64 va, AbortKind kind, int level) {
    u64 esr = make_esr(state.at_el0() ? lower : same, fault_status(kind, level));
    state.write(state.here(SysReg::FAR_EL1), va);
    inject_sync(state, esr);
}

// PSTATE and the block of vectors after an exception to where the guest takes it.
struct Entry {
    u64 pstate;
    u64 block;
};
Entry entry_at_el1(const CpuState& state) {
    return {pstate_at_el1(state, state.pstate()), vector_block(state.pstate())};
}
// The exception comes from virtual EL2 or its user space, and goes to virtual EL2.
Entry entry_at_vel2(const CpuState& state) {
    const nested::VirtualEl2& v = state.vel2;
    const u64 old = v.guest_pstate();
    const auto sctlr = SCTLR_EL1::of(state.read(SysReg::SCTLR_EL2));
    return {nested::pstate_at_entry(old, {sctlr, v.hosts_el0(), v.config().features.mte}), nested::vector_block(old)};
}

}  // namespace

void enter_here(CpuState& state, Vector vector) {
    u64 spsr = state.vel2.guest_pstate();
    DebugState& debug = state.debug;
    if (debug.step_state_replaced) {
        // PSTATE.SS is the VMM's. The guest's own SS goes to its SPSR, and becomes 0 as with any exception.
        spsr = (spsr & ~SPSR_EL2::SS::kMask) | debug.saved_pstate_ss;
        debug.saved_pstate_ss = 0;
    }
    const Entry entry = state.vel2.in_vel2() ? entry_at_vel2(state) : entry_at_el1(state);
    state.write(state.here(SysReg::ELR_EL1), state.context.pc);
    state.write(state.here(SysReg::SPSR_EL1), spsr);
    state.context.pc = state.read(state.here(SysReg::VBAR_EL1)) + entry.block + static_cast<u64>(vector);
    state.context.pstate = entry.pstate;
}

void inject_sync(CpuState& state, u64 esr) {
    state.write(state.here(SysReg::ESR_EL1), esr);
    enter_here(state, Vector::kSync);
}

// ESR_ELx.IL is 1 for EC 0, whatever the instruction's length.
void inject_undefined(CpuState& state) { inject_sync(state, make_esr(Ec::kUnknown, 0)); }

void inject_sysreg_trap(CpuState& state, u32 iss) { inject_sync(state, make_esr(Ec::kSysReg, iss)); }

void inject_data_abort(CpuState& state, u64 va, AbortKind kind, int level) {
    inject_abort(state, Ec::kDataAbortLower, Ec::kDataAbortSame, va, kind, level);
}

void inject_prefetch_abort(CpuState& state, u64 va, AbortKind kind, int level) {
    inject_abort(state, Ec::kInstrAbortLower, Ec::kInstrAbortSame, va, kind, level);
}

void inject_serror(CpuState& state, u64 syndrome) {
    // An SError that virtual EL2 takes out of L2 is left to preempt_l2() (kvm/vel2/entry.hpp), before the next entry.
    const bool ends_l2 = state.vel2.in_l2() && state.vel2.serror() == nested::VirtualEl2::Delivery::kVel2Now;
    if (ends_l2 || state.pstate().get<SPSR_EL2::A>())
        return pend_serror(state, syndrome);
    state.write(state.here(SysReg::ESR_EL1), make_esr(Ec::kSerror, syndrome));
    enter_here(state, Vector::kSerror);
}

}  // namespace nest::kvm
