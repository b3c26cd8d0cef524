// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/cpu/id_registers.hpp>
#include <kvm/cpu/instruction_skip.hpp>
#include <kvm/sysreg/cp_traps.hpp>

namespace nest::kvm {
namespace {

using namespace arch;

enum class CpKind : u8 { kRaz, kRazWi, kTimer, kDebugId };

// opc1, CRn, CRm, opc2 of MRC and MCR; MRRC and MCRR have no CRn and opc2.
struct CpRow {
    u8 coproc, opc1, crn, crm, opc2;
    bool wide;
    CpKind kind;
    SysReg reg;
};
constexpr CpRow kRows[] = {
#define CP32(name, coproc, opc1, crn, crm, opc2, kind, reg) \
    {coproc, opc1, crn, crm, opc2, false, CpKind::kind, SysReg::reg},
#define CP64(name, coproc, opc1, crm, kind, reg) {coproc, opc1, 0, crm, 0, true, CpKind::kind, SysReg::reg},
#include <kvm/sysreg/cp_traps.def>
#undef CP32
#undef CP64
};

// [DDI0487] D24.2.42, ISS of EC 0x03 and 0x05
struct NarrowIss : Layout<NarrowIss> {
    using Opc2 = Field<19, 17>;
    using Opc1 = Field<16, 14>;
    using CRn = Field<13, 10>;
    using Rt = Field<9, 5>;
    using CRm = Field<4, 1>;
    using Read = Bit<0>;
};
// and of EC 0x04 and 0x0c
struct WideIss : Layout<WideIss> {
    using Opc1 = Field<19, 16>;
    using Rt2 = Field<14, 10>;
    using Rt = Field<9, 5>;
    using CRm = Field<4, 1>;
    using Read = Bit<0>;
};

const CpRow* find(const CpRow& wanted) {
    for (const CpRow& r : kRows)
        if (r.coproc == wanted.coproc && r.opc1 == wanted.opc1 && r.crn == wanted.crn && r.crm == wanted.crm &&
            r.opc2 == wanted.opc2 && r.wide == wanted.wide)
            return &r;
    return nullptr;
}

// DBGDIDR, from its AArch64 counterpart.
u64 debug_id(const IdRegisters& ids) {
    auto dfr = ids.get<ID_AA64DFR0_EL1>();
    bool el3 = ids.get<ID_AA64PFR0_EL1>().get<ID_AA64PFR0_EL1::EL3>() != 0;
    return dfr.get<ID_AA64DFR0_EL1::WRPs>() << 28 | dfr.get<ID_AA64DFR0_EL1::BRPs>() << 24 |
           dfr.get<ID_AA64DFR0_EL1::CTX_CMPs>() << 20 | dfr.get<ID_AA64DFR0_EL1::DebugVer>() << 16 | 1 << 15 |
           (el3 ? 1 << 14 | 1 << 12 : 0);
}

Emulation perform(const CpuState& state, SysregHooks& hooks, const CpRow* row, bool is_read, u64& value) {
    if (!row)
        return Emulation::kUndefined;
    switch (row->kind) {
    case CpKind::kRazWi: value = 0; return Emulation::kDone;
    case CpKind::kRaz: value = 0; break;
    case CpKind::kDebugId: value = debug_id(state.ids); break;
    case CpKind::kTimer: return hooks.timer(row->reg, is_read, value);
    }
    return is_read ? Emulation::kDone : Emulation::kUndefined;
}

Emulation narrow(CpuState& state, SysregHooks& hooks, u8 coproc) {
    auto iss = NarrowIss::of(state.context.esr);
    bool is_read = iss.get<NarrowIss::Read>();
    unsigned rt = static_cast<unsigned>(iss.get<NarrowIss::Rt>());
    CpRow wanted{coproc, static_cast<u8>(iss.get<NarrowIss::Opc1>()), static_cast<u8>(iss.get<NarrowIss::CRn>()),
                 static_cast<u8>(iss.get<NarrowIss::CRm>()), static_cast<u8>(iss.get<NarrowIss::Opc2>()),
                 false, CpKind::kRaz, SysReg::kCount};
    u64 value = is_read ? 0 : static_cast<u32>(state.gpr(rt));
    Emulation result = perform(state, hooks, find(wanted), is_read, value);
    if (result != Emulation::kDone || !is_read)
        return result;
    if (rt == 31) {  // MRC with APSR_nzcv as its destination
        constexpr u64 flags = u64{0xf} << 28;
        state.context.pstate = (state.context.pstate & ~flags) | (value & flags);
    }
    state.set_gpr(rt, static_cast<u32>(value));
    return result;
}

Emulation wide(CpuState& state, SysregHooks& hooks, u8 coproc) {
    auto iss = WideIss::of(state.context.esr);
    bool is_read = iss.get<WideIss::Read>();
    unsigned rt = static_cast<unsigned>(iss.get<WideIss::Rt>()), rt2 = static_cast<unsigned>(iss.get<WideIss::Rt2>());
    CpRow wanted{coproc, static_cast<u8>(iss.get<WideIss::Opc1>()), 0, static_cast<u8>(iss.get<WideIss::CRm>()), 0,
                 true, CpKind::kRaz, SysReg::kCount};
    u64 value = is_read ? 0 : static_cast<u32>(state.gpr(rt)) | state.gpr(rt2) << 32;
    Emulation result = perform(state, hooks, find(wanted), is_read, value);
    if (result == Emulation::kDone && is_read) {
        state.set_gpr(rt, static_cast<u32>(value));
        state.set_gpr(rt2, value >> 32);
    }
    return result;
}

}  // namespace

Emulation emulate_cp(CpuState& state, SysregHooks& hooks) {
    if (!trapped_instruction_executes(state))
        return Emulation::kDone;
    switch (static_cast<Ec>(ESR_EL2::of(state.context.esr).get<ESR_EL2::EC>())) {
    case Ec::kCp15Rt: return narrow(state, hooks, 15);
    case Ec::kCp14Rt: return narrow(state, hooks, 14);
    case Ec::kCp15Rrt: return wide(state, hooks, 15);
    case Ec::kCp14Rrt: return wide(state, hooks, 14);
    default: return Emulation::kUndefined;  // LDC and STC of the debug channel, VMRS of an ID register
    }
}

}  // namespace nest::kvm
