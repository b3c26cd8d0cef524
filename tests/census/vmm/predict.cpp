// SPDX-License-Identifier: GPL-2.0-only
#include "predict.hpp"

#include <algorithm>
#include <cstdio>

#include <arch/registers.hpp>
#include <nested/vel2/system_instruction.hpp>
#include <vhe/register_banks.hpp>

namespace nest::census {
namespace {

using namespace arch;
using nested::Feature;

enum class Access : u8 { kNone = 0, kRead = 1, kWrite = 2, kBoth = 3 };
constexpr bool allows(Access access, bool is_read) { return u8(access) >> (is_read ? 0 : 1) & 1; }

// ---- registers.def

enum class Needs : u8 {
    kAlways, kPauth, kRas, kErrorRecords, kLor, kGic, kPmu, kPan, kUao, kDit, kSsbs, kRng, kEcv, kDpb, kDpb2, kSpecres, kSpecres2,
    kPriorities6, kPriorities7, kSve,
};
struct Register {
    const char* name;
    Encoding encoding;
    Access el1, el0;
    Needs needs;
};
constexpr Register kRegisters[] = {
#define REGISTER(name, op0, op1, crn, crm, op2, el1, el0, needs) \
    {#name, encode(op0, op1, crn, crm, op2), Access::el1, Access::el0, Needs::needs},
#include "../registers.def"
#undef REGISTER
};
constexpr const Register* find_register(Encoding e) {
    for (const Register& row : kRegisters)
        if (row.encoding == e)
            return &row;
    return nullptr;
}

bool is_there(const Ids& ids, const nested::Features& features, Needs needs) {
    switch (needs) {
    case Needs::kAlways: return true;
    case Needs::kPauth: return features.has(Feature::kPauth);
    // With no error record (ERRIDR_EL1.NUM 0) those of a record may be UNDEFINED or RAZ/WI: expect().
    case Needs::kRas: case Needs::kErrorRecords: return features.has(Feature::kRas);
    case Needs::kLor: return features.has(Feature::kLor);
    case Needs::kGic: return features.has(Feature::kGic);
    case Needs::kPmu: return features.has(Feature::kPmu);
    case Needs::kSve: return features.has(Feature::kSve);
    case Needs::kPan: return features.has(Feature::kPan);
    case Needs::kUao: return ids.field<ID_AA64MMFR2_EL1>(4) != 0;
    case Needs::kDit: return ids.field<ID_AA64PFR0_EL1>(48) != 0;
    case Needs::kSsbs: return ids.field<ID_AA64PFR1_EL1>(4) >= 2;
    case Needs::kRng: return ids.field<ID_AA64ISAR0_EL1>(60) != 0;
    case Needs::kEcv: return features.has(Feature::kEcv);
    case Needs::kDpb: return features.has(Feature::kDpb);
    case Needs::kDpb2: return features.has(Feature::kDpb2);
    case Needs::kSpecres: return ids.field<ID_AA64ISAR1_EL1>(40) >= 1;
    case Needs::kSpecres2: return ids.field<ID_AA64ISAR1_EL1>(40) >= 2;
    // ICC_CTLR_EL1.PRIbits is 5 wherever QEMU or a host of ours runs; ID registers do not say it.
    case Needs::kPriorities6: case Needs::kPriorities7: return false;
    }
    return false;
}

// ---- kvm/sysreg/sysreg_traps.def: what becomes of it, and that the list above has all of it

enum class TrapKind : u8 {
    kUndefined, kRazWi, kRaz, kStorage, kReadWriteIgnored, kTvm, kPerCpuId, kCacheSize, kSetWay, kDebugRegister, kOsLockAccess,
    kOsLockStatus, kRas, kRasRead, kRasV1p1, kLor, kLorRead, kSgi, kGic, kTimer,
};
struct Trap {
    Encoding encoding;
    TrapKind kind;
};
constexpr Trap kTraps[] = {
#define TRAP(name, op0, op1, crn, crm, op2, kind) {encode(op0, op1, crn, crm, op2), TrapKind::kind},
#include <kvm/sysreg/sysreg_traps.def>
#undef TRAP
};
static_assert(std::ranges::all_of(kTraps, [](const Trap& row) { return find_register(row.encoding) != nullptr; }),
              "registers.def lacks a row of kvm/sysreg/sysreg_traps.def");

bool reads_as_zero(Encoding e) {
    const auto row = std::ranges::find_if(kTraps, [&](const Trap& it) { return it.encoding == e; });
    if (row == std::end(kTraps))
        return false;
    switch (row->kind) {
    case TrapKind::kRazWi: case TrapKind::kRaz: case TrapKind::kRas: case TrapKind::kRasRead: case TrapKind::kRasV1p1:
    case TrapKind::kLor: case TrapKind::kLorRead: return true;
    default: return false;
    }
}

// ---- nested/vel2/el2_registers.def

enum class El2Kind : u8 { kBanked, kMemory, kGic, kTimer, kSre, kZcr, kUndefined };
struct El2Register {
    SysReg reg;
    El2Kind kind;
    Feature feature;
};
constexpr El2Register kEl2Registers[] = {
#define EL2_REGISTER(name, kind, feature, reset, shown) {SysReg::name, El2Kind::kind, Feature::feature},
#include <nested/vel2/el2_registers.def>
#undef EL2_REGISTER
};

bool is_el12_name(Encoding e) {
    const SysReg name = find_sysreg(e);
    return e.op1() == 5 && std::ranges::any_of(vhe::kEl1Registers, [&](const vhe::El1Register& row) {
               return row.bank == vhe::Bank::kBanked && row.hardware == name;
           });
}

// ---- nested/cpu/trap_routing.def: what L1 can trap, with all of its controls on

enum class Fgt : u8 { None, Reg, Itr, Debug };
// A control's bits for each direction. One that traps when set must exist in the VM.
struct Control {
    SysReg reg;
    u64 read, write;
    bool when_set;

    bool traps(const nested::RegisterMasks& masks, bool is_read) const {
        const u64 bits = is_read ? read : write;
        return when_set ? (bits & masks.apply(reg, ~u64{0})) != 0 : bits != 0;
    }
};
namespace controls {
using H = HCR_EL2;
using M = MDCR_EL2;
using G = ICH_HCR_EL2;
using T = CNTHCTL_EL2;
constexpr bool kSet = true, kClear = false;
constexpr Control kNone{SysReg::HCR_EL2, 0, 0, kSet};
#define CONTROL(name, reg, read, write, sense, host) constexpr Control name{SysReg::reg, read, write, sense};
#include <nested/cpu/trap_controls.def>
#undef CONTROL
}  // namespace controls

struct RouteRow {
    Encoding first, last;
    Control control;
    Fgt fgt;
    unsigned bit;
    Feature feature;
};
constexpr RouteRow kRoutes[] = {
#define ROUTE(name, op0, op1, crn, crm, op2, last_crm, last_op2, control, fgt, bit, feature)                       \
    {encode(op0, op1, crn, crm, op2), encode(op0, op1, crn, last_crm, last_op2), controls::control, Fgt::fgt, bit, \
     Feature::feature},
#include <nested/cpu/trap_routing.def>
#undef ROUTE
};

// ---- what is decoded by rule

bool has_breakpoint_register(const Ids& ids, Encoding e) {
    return e.crm() <= ids.field<ID_AA64DFR0_EL1>(e.op2() < 6 ? 12 : 20);       // BRPs, WRPs
}

// What EL1 may trap of its EL0, although the VM has none of it: PMUSERENR_EL0 is the hardware's.
bool may_be_trapped_by_el1(Encoding e) {
    if (e.op0() != 3 || e.op1() != 3)
        return false;
    return (e.crn() == 9 && e.crm() >= 12 && e.crm() <= 14) || (e.crn() == 14 && e.crm() >= 8) || (e.crn() == 13 && e.crm() >= 2);
}

bool is_oddity(Encoding e) {
    constexpr Encoding kOddities[] = {
#define ODDITY(op0, op1, crn, crm, op2) encode(op0, op1, crn, crm, op2),
#include "../oddities.def"
#undef ODDITY
    };
    return std::ranges::find(kOddities, e) != std::end(kOddities);
}

// FEAT_NV2 redirects it to the VNCR page, by its EL2 name or by its EL12 or EL02 name: no trap asks whether a VM has it.
bool may_be_memory(Encoding e) {
    for (const unsigned op1 : {0u, 3u, 4u}) {
        if (e.op0() != 3 || (e.op1() != 5 && op1 != e.op1()))
            continue;
        const SysReg reg = find_sysreg(encode(3, op1, e.crn(), e.crm(), e.op2()));
        if (reg != SysReg::kCount && info(reg).vncr >= 0)
            return true;
    }
    return false;
}

// ZCR_EL1, SMCR_EL1, SVCR
bool is_of_vectors(Encoding e) {
    return e == encode(3, 0, 1, 2, 0) || e == encode(3, 0, 1, 2, 6) || e == encode(3, 3, 4, 2, 2);
}

bool is_sgi(Encoding e) { return e.op0() == 3 && e.op1() == 0 && e.crn() == 12 && e.crm() == 11 && e.op2() >= 5; }

bool is_implementation_defined(Encoding e) { return e.op0() == 3 && (e.crn() == 11 || e.crn() == 15); }

Expected undefined() { return {.may_be_undefined = true}; }
Expected done(std::optional<u64> value = {}) { return {.may_be_done = true, .value = value}; }

// A system instruction with an address: done, or an abort for it.
Expected done_or_fault(Encoding e) {
    Expected it = done();
    it.may_fault = e.op0() == 1;
    return it;
}

}  // namespace

Predictor::Predictor(const Ids& ids, u64 vtr) : ids_(ids), vtr_(vtr), features_(nested::features_of(ids)), masks_(features_) {}

// List registers and active priorities: [IHI0069] 12.4, ICH_VTR_EL2.ListRegs and PREbits.
bool Predictor::is_implemented(SysReg reg) const {
    const u64 last_lr = vtr_ & 31, priority_bits = (vtr_ >> 26 & 7) + 1;
    if (reg >= SysReg::ICH_LR0_EL2 && reg <= SysReg::ICH_LR15_EL2)
        return u64(reg) - u64(SysReg::ICH_LR0_EL2) <= last_lr;
    switch (reg) {
    case SysReg::ICH_AP0R1_EL2: case SysReg::ICH_AP1R1_EL2: return priority_bits >= 6;
    case SysReg::ICH_AP0R2_EL2: case SysReg::ICH_AP1R2_EL2: case SysReg::ICH_AP0R3_EL2: case SysReg::ICH_AP1R3_EL2:
        return priority_bits >= 7;
    default: return true;
    }
}

bool Predictor::has_row(Encoding e, bool is_read, bool el0) const {
    const Register* row = find_register(e);
    return row && allows(el0 ? row->el0 : row->el1, is_read) && is_there(ids_, features_, row->needs);
}

Expected Predictor::at_el1(Encoding e, bool is_read) const {
    nested::TlbiOp tlbi;
    nested::AtOp at;
    if (e.op0() == 1 && e.op1() == 0 && nested::is_tlbi(e))
        return !is_read && nested::decode_tlbi(e, 0, features_, true, false, tlbi) ? done() : undefined();
    if (e.op0() == 1 && e.op1() == 0 && nested::is_at(e))
        return !is_read && nested::decode_at(e, 0, features_, true, false, at) ? done() : undefined();
    if (is_breakpoint_register(e))
        return has_breakpoint_register(ids_, e) ? done() : undefined();
    // The ID registers, and holes between them that read as zero.
    if (Ids::in_space(e) && e.op1() == 0 && e.crm() > 0)
        return is_read ? done(ids_.get(e).value_or(0)) : undefined();
    const Register* row = find_register(e);
    if (has_row(e, is_read, false)) {
        Expected it = done_or_fault(e);
        if (is_read && reads_as_zero(e))
            it.value = 0;
        it.may_be_undefined = row->needs == Needs::kErrorRecords;
        return it;
    }
    Expected it = undefined();
    it.may_be_done = row && row->needs == Needs::kErrorRecords && features_.has(Feature::kRas);
    it.may_trap = is_read && Ids::in_space(e);
    return it;
}

Expected Predictor::at_el0(Encoding e, bool is_read) const {
    if (has_row(e, is_read, true))
        return done_or_fault(e);
    Expected it = undefined();
    it.may_trap = (is_read && Ids::in_space(e)) || is_implementation_defined(e) || may_be_trapped_by_el1(e);
    return it;
}

Expected Predictor::at_vel2(Encoding e, bool is_read) const {
    nested::TlbiOp tlbi;
    nested::AtOp at;
    if (e.op0() == 1 && e.op1() == 4 && nested::is_tlbi(e))
        return !is_read && nested::decode_tlbi(e, 0, features_, true, false, tlbi) ? done() : undefined();
    if (e.op0() == 1 && e.op1() == 4 && nested::is_at(e))
        return !is_read && nested::decode_at(e, 0, features_, true, false, at) ? done() : undefined();
    for (const El2Register& row : kEl2Registers) {
        if (encoding_of(row.reg) != e)
            continue;
        const bool there = features_.has(row.feature) && is_implemented(row.reg) && row.kind != El2Kind::kUndefined && row.reg != SysReg::SP_EL2 &&
                           (is_read || row.kind != El2Kind::kGic);
        return there ? done() : undefined();
    }
    if (is_el12_name(e))
        return done();
    Expected it = at_el1(e, is_read);
    it.may_be_done = it.may_be_done || (e.op1() >= 4 && may_be_memory(e));
    return it;
}

// What L1 asked to trap comes to it before all else, but for what is UNDEFINED at EL1 anyway.
Expected Predictor::trapped_by_l1(Encoding e, bool is_read) const {
    const Expected free = at_el1(e, is_read);
    Encoding plain = e;
    if (e.op0() == 1 && e.op1() == 0 && e.crn() == 9)
        plain = encode(1, 0, 8, e.crm(), e.op2());
    const Expected trap{.may_trap = true};
    if (is_implementation_defined(e))
        return trap;
    if (!free.may_be_done)
        return free;
    if (is_breakpoint_register(e))
        return trap;
    for (const RouteRow& row : kRoutes) {
        if (row.first.raw > plain.raw || row.last.raw < plain.raw)
            continue;
        const u64 fgt_bits = row.fgt == Fgt::None  ? 0
                             : row.fgt == Fgt::Itr ? masks_.apply(SysReg::HFGITR_EL2, ~u64{0})
                             : row.fgt == Fgt::Reg ? masks_.apply(is_read ? SysReg::HFGRTR_EL2 : SysReg::HFGWTR_EL2, ~u64{0})
                                                   : masks_.apply(is_read ? SysReg::HDFGRTR_EL2 : SysReg::HDFGWTR_EL2, ~u64{0});
        if (row.control.traps(masks_, is_read) || (fgt_bits >> row.bit & 1)) {
            Expected it = trap;
            it.may_be_undefined = free.may_be_undefined;
            return it;
        }
    }
    return free;
}

Expected Predictor::expect(Pass pass, Encoding e, bool is_read) const {
    Expected it = by_tables(pass, e, is_read);
    if (is_oddity(e)) {
        it.may_be_undefined = true;
        const bool el0 = pass == Pass::el0 || pass == Pass::vel2_el0 || pass == Pass::l2_el0;
        const unsigned lowest = e.op1() == 3 ? 0 : e.op1() == 4 ? 2 : 1;
        const unsigned level = el0 ? 0 : pass == Pass::vel2 ? 2 : 1;
        it.may_be_done = it.may_be_done || level >= lowest;
        it.value = {};
        it.may_fault = it.may_fault || (it.may_be_done && e.op0() == 1);
    }
    // Virtual EL2's CPTR_EL2.ZEN is clear unless the VM has SVE and the payload opened it; there is no SMEN.
    if (pass == Pass::vel2 || pass == Pass::vel2_el0)
        it.may_trap_vectors = is_of_vectors(e);
    return it;
}

Expected Predictor::by_tables(Pass pass, Encoding e, bool is_read) const {
    switch (pass) {
    case Pass::el1: return at_el1(e, is_read);
    case Pass::l2:
        // HCR_EL2.IMO sends SGIs to L1.
        return is_sgi(e) && !is_read ? Expected{.may_trap = true} : at_el1(e, is_read);
    case Pass::el0:
    case Pass::vel2_el0:
    case Pass::l2_el0: return at_el0(e, is_read);
    case Pass::vel2: return at_vel2(e, is_read);
    case Pass::l2_traps: return trapped_by_l1(e, is_read);
    case Pass::count: break;
    }
    return {};
}

std::string name_of(Encoding e) {
    char text[48];
    const SysReg reg = find_sysreg(e);
    const Register* row = find_register(e);
    std::snprintf(text, sizeof text, "S%u_%u_C%u_C%u_%u%s%s", e.op0(), e.op1(), e.crn(), e.crm(), e.op2(), reg != SysReg::kCount || row ? " " : "",
                  reg != SysReg::kCount ? info(reg).name : row ? row->name : "");
    return text;
}

const char* name_of(Pass pass) {
    constexpr const char* kNames[] = {"el1", "el0", "vel2", "vel2-el0", "l2", "l2-el0", "l2-traps"};
    static_assert(std::size(kNames) == size_t(Pass::count));
    return kNames[size_t(pass)];
}

}  // namespace nest::census
