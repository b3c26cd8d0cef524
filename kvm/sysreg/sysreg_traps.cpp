// SPDX-License-Identifier: GPL-2.0-only
#include <base/partition_point.hpp>
#include <kvm/cpu/guest_debug.hpp>
#include <kvm/cpu/id_registers.hpp>
#include <kvm/cpu/inject.hpp>
#include <kvm/cpu/instruction_skip.hpp>
#include <kvm/sysreg/sysreg_traps.hpp>

namespace nest::kvm {
namespace {

using namespace arch;

enum class TrapKind : u8 {
    kUndefined,
    kRazWi,
    kRaz,               // read-only
    kStorage,           // CpuState's value
    kReadWriteIgnored,  // CpuState's value, writes are dropped
    kTvm,               // translation control: HCR_EL2.TVM
    kPerCpuId,          // read-only, in the register file
    kCacheSize,
    kSetWay,
    kDebugRegister,
    kOsLockAccess,
    kOsLockStatus,
    kRas,               // RAZ/WI if the VM has FEAT_RAS: there are no error records
    kRasRead,
    kRasV1p1,
    kLor,               // RAZ/WI if the VM has FEAT_LOR: there are no regions
    kLorRead,
    kSgi,
    kGic,
    kTimer,
};

struct Row {
    Encoding encoding;
    TrapKind kind;
    SysReg reg;  // kCount where the row needs none
};
constexpr Row kRows[] = {
#define TRAP(name, op0, op1, crn, crm, op2, kind) \
    {encode(op0, op1, crn, crm, op2), TrapKind::kind, find_sysreg(encode(op0, op1, crn, crm, op2))},
#include <kvm/sysreg/sysreg_traps.def>
#undef TRAP
};
constexpr size_t kRowCount = sizeof(kRows) / sizeof(kRows[0]);

consteval bool rows_are_sound() {
    for (size_t i = 0; i < kRowCount; i++) {
        if (i && kRows[i - 1].encoding.raw >= kRows[i].encoding.raw)
            return false;
        TrapKind k = kRows[i].kind;
        bool needs_register = k == TrapKind::kStorage || k == TrapKind::kTvm || k == TrapKind::kReadWriteIgnored ||
                              k == TrapKind::kPerCpuId || k == TrapKind::kDebugRegister || k == TrapKind::kSgi ||
                              k == TrapKind::kGic || k == TrapKind::kTimer;
        if (needs_register && kRows[i].reg == SysReg::kCount)
            return false;
    }
    return true;
}
static_assert(rows_are_sound(), "sysreg_traps.def: out of order, a twin, or a register that sysregs.def lacks");

const Row* find_row(Encoding e) {
    const size_t at = partition_point(kRowCount, [e](size_t i) { return kRows[i].encoding.raw < e.raw; });
    return at < kRowCount && kRows[at].encoding == e ? &kRows[at] : nullptr;
}

// One trapped access, while it is emulated.
struct Access {
    CpuState& state;
    SysregHooks& hooks;
    bool is_read;
    u64 value;

    Emulation raz_wi() {
        value = 0;
        return Emulation::kDone;
    }
    Emulation read_only(u64 answer) {
        value = answer;
        return is_read ? Emulation::kDone : Emulation::kUndefined;
    }
    Emulation raz_wi_if(bool exists) { return exists ? raz_wi() : Emulation::kUndefined; }
};

bool caches_on(u64 sctlr) {
    constexpr u64 both = SCTLR_EL1::mask<SCTLR_EL1::M, SCTLR_EL1::C>();
    return (sctlr & both) == both;
}

Emulation translation_control(Access& a, SysReg reg) {
    if (a.is_read) {
        a.value = a.state.read(reg);
        return Emulation::kDone;
    }
    if (reg == SysReg::SCTLR_EL1 && caches_on(a.state.read(reg)) != caches_on(a.value)) {
        Emulation result = a.hooks.caches_switched(caches_on(a.value));
        if (result != Emulation::kDone)
            return result;
    }
    a.state.write(reg, a.value);
    return Emulation::kDone;
}

Emulation storage(Access& a, SysReg reg, bool writable) {
    if (a.is_read)
        a.value = a.state.read(reg);
    else if (writable)
        a.state.write(reg, a.value);
    return Emulation::kDone;
}

// Accesses a debug register's value in memory. Hardware gets values by debug_entry(), at the next activation.
Emulation debug_storage(Access& a, u64 old, u64& updated) {
    updated = old;
    if (a.is_read) {
        a.value = old;
        return Emulation::kDone;
    }
    if (a.value == old)
        return Emulation::kDone;
    updated = a.value;
    return a.hooks.debug_write();
}

Emulation debug_register(Access& a, SysReg reg) {
    u64 updated;
    Emulation result = debug_storage(a, a.state.regs.get(reg), updated);
    if (result == Emulation::kDone)
        a.state.regs.set(reg, updated);
    return result;
}

// (2, 0, 0, n, 4..7)
Emulation breakpoint_register(Access& a, Encoding e) {
    u64& reg = debug_bank_register(a.state.debug.guest, e);
    u64 updated;
    Emulation result = debug_storage(a, reg, updated);
    if (result == Emulation::kDone) {
        reg = updated;
        a.state.debug.note_armed();
    }
    return result;
}

Emulation os_lock_access(Access& a) {
    if (a.is_read)
        return Emulation::kUndefined;
    bool lock = a.value & 1;
    if (a.state.debug.os_lock == lock)
        return Emulation::kDone;
    Emulation result = a.hooks.debug_write();
    if (result == Emulation::kDone)
        a.state.debug.os_lock = lock;
    return result;
}

bool has_ras_v1p1(const IdRegisters& ids) {
    u64 ras = ids.get<ID_AA64PFR0_EL1>().get<ID_AA64PFR0_EL1::RAS>();
    return ras >= 2 || (ras == 1 && ids.get<ID_AA64PFR1_EL1>().get<ID_AA64PFR1_EL1::RAS_frac>() >= 1);
}

Emulation perform(Access& a, const Row& row) {
    const IdRegisters& ids = a.state.ids;
    bool ras = ids.get<ID_AA64PFR0_EL1>().get<ID_AA64PFR0_EL1::RAS>() >= 1;
    bool lor = ids.get<ID_AA64MMFR1_EL1>().get<ID_AA64MMFR1_EL1::LO>() == 1;
    switch (row.kind) {
    case TrapKind::kUndefined: return Emulation::kUndefined;
    case TrapKind::kRazWi: return a.raz_wi();
    case TrapKind::kRaz: return a.read_only(0);
    case TrapKind::kStorage: return storage(a, row.reg, true);
    case TrapKind::kReadWriteIgnored: return storage(a, row.reg, false);
    case TrapKind::kTvm: return translation_control(a, row.reg);
    case TrapKind::kPerCpuId: return a.read_only(a.state.regs.get(row.reg));
    case TrapKind::kCacheSize: {
        u64 selected = a.state.read(SysReg::CSSELR_EL1) & 0xf;
        return a.read_only(selected < kCsselrCount ? ccsidr(a.state, static_cast<u32>(selected)) : 0);
    }
    case TrapKind::kSetWay: return a.is_read ? Emulation::kUndefined : a.hooks.set_way();
    case TrapKind::kDebugRegister: return debug_register(a, row.reg);
    case TrapKind::kOsLockAccess: return os_lock_access(a);
    case TrapKind::kOsLockStatus: return a.read_only(oslsr(a.state.debug));
    case TrapKind::kRas: return a.raz_wi_if(ras);
    case TrapKind::kRasRead: return a.raz_wi_if(ras && a.is_read);
    case TrapKind::kRasV1p1: return a.raz_wi_if(has_ras_v1p1(ids));
    case TrapKind::kLor: return a.raz_wi_if(lor);
    case TrapKind::kLorRead: return a.raz_wi_if(lor && a.is_read);
    case TrapKind::kSgi: return a.is_read ? Emulation::kUndefined : a.hooks.send_sgi(row.reg, a.value);
    case TrapKind::kGic: return a.hooks.gic(row.reg, a.is_read, a.value);
    case TrapKind::kTimer: return a.hooks.timer(row.reg, a.is_read, a.value);
    }
    return Emulation::kUndefined;
}

// op0 3, op1 0, 1 or 3, CRn 0, CRm below 8: [DDI0487] D24.1.2, the feature-ID space.
bool in_id_space(Encoding e) {
    return e.op0() == 3 && (e.op1() == 0 || e.op1() == 1 || e.op1() == 3) && e.crn() == 0 && e.crm() < 8;
}

// All ID registers, and the encodings between them: those with CRm 1 to 7 read as zero, and the others are UNDEFINED or trap
// (FEAT_IDST).
Emulation id_space(Access& a, Encoding e) {
    if (!a.is_read)
        return Emulation::kUndefined;
    if (IdRegisters::holds(e))
        return a.read_only(a.state.ids.read(e));
    if (e == encoding_of(SysReg::MPIDR_EL1))
        return a.read_only(a.state.regs.get(SysReg::MPIDR_EL1));
    bool idst = a.state.ids.get<ID_AA64MMFR2_EL1>().get<ID_AA64MMFR2_EL1::IDS>() != 0;
    return idst ? Emulation::kIdTrap : Emulation::kUndefined;
}

Emulation dispatch(Access& a, Encoding e) {
    if (const Row* row = find_row(e))
        return perform(a, *row);
    if (in_id_space(e))
        return id_space(a, e);
    return arch::is_breakpoint_register(e) ? breakpoint_register(a, e) : Emulation::kUndefined;
}

}  // namespace

u32 ccsidr(const CpuState& state, u32 csselr) {
    if (state.caches.chosen)
        return state.caches.ccsidr[csselr];
    // One set and one way, of the smallest line: a guest that cleans by set and way is soon done. The real geometry may differ
    // between the CPUs of one machine, so that no guest can use it.
    bool instruction = csselr & 1;
    auto ctr = state.ids.get<CTR_EL0>();
    u64 log2_words = instruction ? ctr.get<CTR_EL0::IminLine>() : ctr.get<CTR_EL0::DminLine>();
    return static_cast<u32>(log2_words < 2 ? 0 : log2_words - 2);  // CCSIDR_EL1.LineSize: log2(bytes) - 4
}

Emulation emulate_sysreg(CpuState& state, SysRegIss iss, SysregHooks& hooks) {
    unsigned rt = static_cast<unsigned>(iss.get<SysRegIss::Rt>());
    bool is_read = iss.get<SysRegIss::Read>();
    Encoding e = iss.encoding();
    // A booting guest reads ID registers many times: these reads need no search.
    if (is_read && e.op0() == 3 && e.op1() == 0 && e.crn() == 0 && e.crm() >= 1 && e.crm() < 8) {
        state.set_gpr(rt, state.ids.read(e));
        return Emulation::kDone;
    }
    Access access{state, hooks, is_read, is_read ? 0 : state.gpr(rt)};
    Emulation result = dispatch(access, e);
    if (result == Emulation::kDone && is_read && e.op0() >= 2)
        state.set_gpr(rt, access.value);
    return result;
}

void finish_trap(CpuState& state, Emulation result) {
    switch (result) {
    case Emulation::kDone: skip_instruction(state); break;
    case Emulation::kIdTrap: inject_sysreg_trap(state, static_cast<u32>(state.context.esr & 0x1ff'ffff)); break;
    default: inject_undefined(state); break;
    }
}

}  // namespace nest::kvm
