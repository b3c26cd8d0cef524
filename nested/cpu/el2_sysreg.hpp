// SPDX-License-Identifier: GPL-2.0-only
// Emulation of the system registers and instructions on which virtual EL2 itself traps (EC 0x18, World::kVel2).
//
// Context: tier 0, or tier 1 with preemption off: the registers are in this CPU's hardware.
#pragma once
#include <arch/syndrome.hpp>
#include <nested/cpu/el2_hooks.hpp>
#include <nested/cpu/step_over.hpp>
#include <nested/vel2/el2_registers.hpp>
#include <nested/vel2/trap_merge.hpp>

namespace nest::nested {

// The guest's EL1 register that an EL12 name means, in the register file while virtual EL2 runs; kCount: none.
constexpr arch::SysReg el12_register(arch::Encoding e) {
    using arch::SysReg;
    if (e.op0() != 3 || e.op1() != 5)
        return SysReg::kCount;
    switch (arch::find_sysreg(e)) {
    case SysReg::ZCR_EL12: return SysReg::ZCR_EL1;
#define EL1_REGISTER(guest, hardware, bank) \
    case SysReg::hardware: return vhe::Bank::bank == vhe::Bank::kBanked ? SysReg::guest : SysReg::kCount;
#include <vhe/el1_registers.def>
#undef EL1_REGISTER
    default: return SysReg::kCount;
    }
}

namespace detail {

// Is `reg` one of the EL1 registers that L2 has for itself?
constexpr bool is_banked_el1(arch::SysReg reg) {
    using arch::SysReg;
    switch (reg) {
#define EL1_REGISTER(guest, hardware, bank) \
    case SysReg::guest: return vhe::Bank::bank == vhe::Bank::kBanked;
#include <vhe/el1_registers.def>
#undef EL1_REGISTER
    default: return false;
    }
}

inline constexpr u64 kSreAllOn = 0xf;  // ICC_SRE_EL2: Enable, DIB, DFB, SRE

struct El2Access {
    arch::Cpu& cpu;
    VirtualEl2& v;
    El2Hooks& hooks;
    bool is_read;
    u64 value;

    Outcome banked(arch::SysReg reg) {
        if (is_read)
            value = v.read(cpu, reg, true);
        else
            v.write(cpu, reg, v.apply_masks(reg, value), true);
        // A register whose masks depend on E2H was perhaps written with another one.
        if (is_read && !v.e2h()) [[unlikely]]
            value = v.apply_masks(reg, value);
        return Outcome::kDone;
    }
    Outcome memory(arch::SysReg reg) {
        const RegisterMasks& masks = v.config().masks;
        if (is_read) {
            value = masks.apply(reg, v.file.get(reg));
            return Outcome::kDone;
        }
        v.file.set(reg, masks.apply(reg, value));  // whoever uses such a register reads it at each entry
        if (reg == arch::SysReg::HCR_EL2) [[unlikely]] {
            v.choice_made();
            if (v.form_is_stale())
                hooks.form_changed();
        }
        return Outcome::kDone;
    }
    // L1's CPTR_EL2 traps the access of virtual EL2 itself, too ([DDI0487] D24.2 ZCR_EL2).
    Outcome zcr() {
        if (l1_traps_sve(v.cptr_of_l1()))
            return Outcome::kSveTrap;
        const RegisterMasks& masks = v.config().masks;
        if (is_read) {
            value = masks.apply(v.sve_loaded ? arch::ZCR_EL2::of(cpu.read<arch::ZCR_EL12>().raw) : v.file.get<arch::ZCR_EL2>()).raw;
            return Outcome::kDone;
        }
        const arch::ZCR_EL2 written = masks.apply(arch::ZCR_EL2::of(value));
        v.file.set(written);
        if (v.sve_loaded)
            cpu.write(arch::ZCR_EL12::of(written.raw));
        return Outcome::kDone;
    }
    // One of L2's registers of EL1, which are in the file while virtual EL2 runs. CNTKCTL_EL1 is in hardware without E2H.
    Outcome of_l2(arch::SysReg reg) {
        if (is_read)
            value = v.read(cpu, reg, true);
        else
            v.write(cpu, reg, value, true);
        return Outcome::kDone;
    }
    Outcome answer(const El2Register& row) {
        if (!v.config().features.has(row.feature))
            return Outcome::kUndefined;
        switch (row.kind) {
        case El2Kind::kBanked: return row.reg == arch::SysReg::SP_EL2 ? Outcome::kUndefined : banked(row.reg);
        case El2Kind::kMemory: return memory(row.reg);
        case El2Kind::kGic: return is_read ? hooks.gic(row.reg, value) : Outcome::kUndefined;
        case El2Kind::kTimer: return hooks.timer(row.reg, is_read, value);
        case El2Kind::kSre: value = is_read ? kSreAllOn : value; return Outcome::kDone;
        case El2Kind::kZcr: return zcr();
        case El2Kind::kUndefined: break;
        }
        return Outcome::kUndefined;
    }
    Outcome instruction(arch::Encoding e, bool e2h, bool tge) {
        const Features& features = v.config().features;
        if (is_tlbi(e)) {
            TlbiOp op;
            return !is_read && decode_tlbi(e, value, features, e2h, tge, op) ? hooks.tlbi(op, value)
                                                                             : Outcome::kUndefined;
        }
        AtOp op;
        return !is_read && decode_at(e, value, features, e2h, tge, op) ? hooks.at(op) : Outcome::kUndefined;
    }
    Outcome perform(arch::Encoding e) {
        using arch::SysReg;
        const bool e2h = v.e2h();
        if (!e2h && e.op0() == 3 && e.op1() == 5)
            return Outcome::kUndefined;  // EL12 and EL02 names
        if (const El2Register* row = find_el2_register(e))
            return answer(*row);
        if (e.op0() == 1)
            return is_tlbi(e) || is_at(e) ? instruction(e, e2h, v.tge()) : Outcome::kFlat;
        const SysReg el1 = el12_register(e);
        if (el1 == SysReg::ZCR_EL1 && !v.config().features.has(Feature::kSve))
            return Outcome::kUndefined;
        if (el1 != SysReg::kCount)
            return of_l2(el1);
        // An EL1 name that traps for a reason of ours: with E2H it means virtual EL2's own register, else L2's.
        const SysReg named = arch::find_sysreg(e);
        if (named == SysReg::kCount)
            return Outcome::kFlat;
        if (!e2h)
            return is_banked_el1(named) ? of_l2(named) : Outcome::kFlat;
        const SysReg meant = vhe::vhe_redirect(named);
        return meant != named ? banked(meant) : Outcome::kFlat;
    }
};

}  // namespace detail

// Emulates the access that `iss` describes. kDone: Rt and PC are those after the instruction.
inline Outcome emulate_el2_access(arch::Cpu& cpu, VirtualEl2& v, arch::SysRegIss iss, El2Hooks& hooks) {
    using namespace arch;
    using Iss = SysRegIss;
    const auto rt = static_cast<unsigned>(iss.get<Iss::Rt>());
    const u64 operand = rt == 31 ? 0 : v.context.x[rt];
    const bool is_read = iss.get<Iss::Read>();
    const Encoding e = iss.encoding();
    detail::El2Access access{cpu, v, hooks, is_read, operand};
    const Outcome outcome = access.perform(e);
    if (outcome != Outcome::kDone)
        return outcome;
    if (is_read && e.op0() >= 2 && rt != 31)
        v.context.x[rt] = access.value;
    step_over(v);
    return Outcome::kDone;
}

}  // namespace nest::nested
