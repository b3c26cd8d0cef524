// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/abi/registers.hpp>
#include <kvm/cpu/guest_debug.hpp>
#include <kvm/cpu/id_registers.hpp>
#include <kvm/sysreg/sysreg_traps.hpp>
#include <kvm/sysreg/system_registers.hpp>
#include <nested/vel2/el2_registers.hpp>

namespace nest::kvm {
namespace {

using namespace arch;

enum class ShownIf : u8 { kAlways, kPointerAuth, kSve };
struct StateRow {
    SysReg reg;
    ShownIf shown;
};
constexpr StateRow kStates[] = {
#define STATE(name, reset, shown) {SysReg::name, ShownIf::shown},
#include <kvm/sysreg/system_registers.def>
#undef STATE
};

bool is_shown(const CpuState& state, ShownIf shown) {
    switch (shown) {
    case ShownIf::kAlways: return true;
    case ShownIf::kPointerAuth: return state.has_feature(abi::KVM_ARM_VCPU_PTRAUTH_ADDRESS);
    case ShownIf::kSve: return state.has_feature(abi::KVM_ARM_VCPU_SVE);
    }
    return false;
}

bool is_state(const CpuState& state, SysReg reg) {
    if (reg == SysReg::kCount)
        return false;
    for (const StateRow& row : kStates)
        if (row.reg == reg)
            return is_shown(state, row.shown);
    return false;
}

bool has_idc(CTR_EL0 ctr) { return ctr.get<CTR_EL0::IDC>(); }
CTR_EL0 host_ctr() { return CTR_EL0::of(nest_port_feature_register(encoding_of(SysReg::CTR_EL0).raw)); }

// CLIDR_EL1 may not claim that no cleaning is needed to a point of unification or coherency where CTR_EL0.IDC says that it is.
// [DDI0487] D24.2.27.
Status check_clidr(u64 value) {
    constexpr u64 louu = u64{7} << 27, loc = u64{7} << 24, louis = u64{7} << 21, res0 = ~u64{0x0000'7fff'ffff'ffff};
    bool claims_idc = !(value & loc) || !(value & (louu | louis));
    return value & res0 || (claims_idc && !has_idc(host_ctr())) ? Status(Errno::kInval) : kOk;
}

Status set_oslsr(CpuState& state, u64 value) {
    constexpr u64 lock = 2;
    if ((value ^ oslsr(state.debug)) & ~lock)
        return Errno::kInval;
    state.debug.os_lock = value & lock;
    return kOk;
}

}  // namespace

Result<u64> get_system_register(const CpuState& state, Encoding e) {
    if (arch::is_breakpoint_register(e))
        return debug_bank_register(const_cast<BreakpointBank&>(state.debug.guest), e);
    if (IdRegisters::holds(e))
        return state.ids.read(e);
    SysReg reg = find_sysreg(e);
    switch (reg) {
    case SysReg::OSLSR_EL1: return oslsr(state.debug);
    case SysReg::MPIDR_EL1:
    case SysReg::CLIDR_EL1: return state.regs.get(reg);
    default: break;
    }
    if (nested::has_one_reg(state.vel2, e))
        return nested::get_one_reg(state.vel2, e);
    if (!is_state(state, reg))
        return Errno::kNoEnt;
    return state.read(reg);
}

Status set_system_register(CpuState& state, Encoding e, u64 value) {
    if (arch::is_breakpoint_register(e)) {
        debug_bank_register(state.debug.guest, e) = value;
        state.debug.note_armed();
        return kOk;
    }
    if (IdRegisters::holds(e))
        return state.ids.write(e, value);
    SysReg reg = find_sysreg(e);
    switch (reg) {
    case SysReg::OSLSR_EL1: return set_oslsr(state, value);
    case SysReg::CLIDR_EL1: NEST_TRY(check_clidr(value)); state.regs.set(reg, value); return kOk;
    case SysReg::MPIDR_EL1: nested::set_mpidr(state.vel2, value); return kOk;
    default: break;
    }
    if (nested::has_one_reg(state.vel2, e)) {
        nested::set_one_reg(state.vel2, e, value);
        return kOk;
    }
    if (!is_state(state, reg))
        return Errno::kNoEnt;
    state.write(reg, value);
    return kOk;
}

bool next_system_register(const CpuState& state, u32 from, Encoding& found) {
    // op0 is 2 or 3: encodings below have no register.
    for (u32 raw = from < 0x8000 ? 0x8000 : from; raw < 0x10000; raw++) {
        found = {static_cast<u16>(raw)};
        if (get_system_register(state, found).ok())
            return true;
    }
    return false;
}

Result<u32> get_ccsidr(const CpuState& state, u32 csselr) {
    if (csselr >= kCsselrCount)
        return Errno::kNoEnt;
    return ccsidr(state, csselr);
}

Status set_ccsidr(CpuState& state, u32 csselr, u32 value) {
    if (csselr >= kCsselrCount)
        return Errno::kNoEnt;
    auto ctr = host_ctr();
    u64 log2_words = csselr & 1 ? ctr.get<CTR_EL0::IminLine>() : ctr.get<CTR_EL0::DminLine>();
    u64 line = value & 7;  // log2(bytes) - 4
    if (value >> 28 || line + 2 < log2_words)
        return Errno::kInval;
    if (value == ccsidr(state, csselr))
        return kOk;
    if (!state.caches.chosen) {
        u32 made_up[kCsselrCount];
        for (u32 i = 0; i < kCsselrCount; i++)
            made_up[i] = ccsidr(state, i);
        for (u32 i = 0; i < kCsselrCount; i++)
            state.caches.ccsidr[i] = made_up[i];
        state.caches.chosen = true;
    }
    state.caches.ccsidr[csselr] = value;
    return kOk;
}

}  // namespace nest::kvm
