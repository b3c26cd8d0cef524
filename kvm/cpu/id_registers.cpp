// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/abi/registers.hpp>
#include <kvm/cpu/id_registers.hpp>
#include <nested/vel2/id_registers.hpp>

namespace nest::kvm {
namespace {

using namespace arch;

enum class Group : u8 { kNone, kPlain, kAarch32 };
enum class Rule : u8 { kLower, kSigned, kHigher, kExact, kGranule };

struct Row {
    u64 shown;
    u64 writable;
    Group group;
};
struct Table {
    Row rows[64];
};
constexpr Table make_table() {
    Table t{};
#define ID_REGISTER(name, crm, op2, shown, writable, group)                                                            \
    static_assert((encoding_of(SysReg::name).raw & 63) == ((crm) << 3 | (op2)), #name " has another encoding"); \
    t.rows[crm << 3 | op2] = {shown, writable, Group::group};
#include <kvm/cpu/id_registers.def>
#undef ID_REGISTER
    return t;
}
constexpr Table kTable = make_table();

struct Field {
    u8 slot, low, width;
    Rule rule;
    s8 safe;
    constexpr u64 max() const { return (u64{1} << width) - 1; }
    constexpr u64 mask() const { return max() << low; }
};
constexpr Field kFields[] = {
#define ID_FIELD(name, low, width, rule, safe) {encoding_of(SysReg::name).raw & 63, low, width, Rule::rule, safe},
#include <kvm/cpu/id_fields.def>
#undef ID_FIELD
};

constexpr s64 field_value(const Field& f, u64 reg) {
    u64 v = reg >> f.low & f.max();
    bool negative = f.rule == Rule::kSigned && (v >> (f.width - 1)) != 0;
    return static_cast<s64>(negative ? v | ~f.max() : v);
}

constexpr bool is_safe(const Field& f, u64 value, u64 limit) {
    s64 v = field_value(f, value), most = field_value(f, limit);
    switch (f.rule) {
    case Rule::kLower:
    case Rule::kSigned: return v <= most;
    case Rule::kHigher: return v >= most;
    case Rule::kExact: return v == most || v == f.safe;
    case Rule::kGranule: return v == most || v == 1 || (v > 1 && v < most);
    }
    return false;
}

template <typename F, typename R>
R at_most(R reg, u64 most) {
    return reg.template get<F>() > most ? reg.template with<F>(most) : reg;
}

constexpr u64 kPfr1Gic = u64{0xf} << 28;   // ID_PFR1_EL1.GIC
constexpr u64 kDebugv8p8 = 10;             // the newest that needs no other trap than ours
constexpr u64 kParange48 = 5;
constexpr unsigned slot_of(SysReg reg) { return encoding_of(reg).raw & 63; }
template <typename R>
R host() {
    return R::of(nest_port_feature_register(encoding_of(R::kReg).raw));
}

u64 sanitise_pfr0(u64 raw) {
    using R = ID_AA64PFR0_EL1;
    R r = R::of(raw);
    r = at_most<R::EL1>(r, 1);  // EL1 and EL2 are AArch64
    r = at_most<R::EL2>(r, 1);
    r = at_most<R::CSV2>(r, 1);  // from 2 on SCXTNUM_ELx exist, which are not switched
    r = at_most<R::RAS>(r, 2);
    r = at_most<R::GIC>(r, 1);
    return r.raw;
}

u64 sanitise_pfr1(u64 raw) {
    using R = ID_AA64PFR1_EL1;
    // RAS_frac counts only beside RAS 1.
    return host<ID_AA64PFR0_EL1>().get<ID_AA64PFR0_EL1::RAS>() == 1 ? raw : R::of(raw).with<R::RAS_frac>(0).raw;
}

}  // namespace

u64 IdRegisters::sanitised(unsigned s, u64 shown, bool aarch32) const {
    if (aarch32 && aarch64_only_)
        return 0;
    bool ctr = s == slot_of(SysReg::CTR_EL0);
    u64 raw = nest_port_feature_register(ctr ? encoding_of(SysReg::CTR_EL0).raw : static_cast<u16>(0xc000 | s)) & shown;
    bool pointer_auth = has_feature(abi::KVM_ARM_VCPU_PTRAUTH_ADDRESS), sve = has_feature(abi::KVM_ARM_VCPU_SVE);
    switch (s) {
    case slot_of(SysReg::ID_DFR0_EL1): return at_most<ID_DFR0_EL1::CopDbg>(ID_DFR0_EL1::of(raw), kDebugv8p8).raw;
    case slot_of(SysReg::ID_AA64PFR0_EL1):
        raw = sanitise_pfr0(raw);
        return sve ? raw : ID_AA64PFR0_EL1::of(raw).with<ID_AA64PFR0_EL1::SVE>(0).raw;
    case slot_of(SysReg::ID_AA64ZFR0_EL1): return sve ? raw : 0;
    case slot_of(SysReg::ID_AA64PFR1_EL1): return sanitise_pfr1(raw);
    case slot_of(SysReg::ID_AA64DFR0_EL1):
        return at_most<ID_AA64DFR0_EL1::DebugVer>(ID_AA64DFR0_EL1::of(raw), kDebugv8p8).raw;
    case slot_of(SysReg::ID_AA64ISAR1_EL1): {
        using R = ID_AA64ISAR1_EL1;
        return pointer_auth ? raw : raw & ~R::mask<R::GPI, R::GPA, R::API, R::APA>();
    }
    case slot_of(SysReg::ID_AA64ISAR2_EL1): {
        using R = ID_AA64ISAR2_EL1;
        return pointer_auth ? raw : raw & ~R::mask<R::APA3, R::GPA3>();
    }
    case slot_of(SysReg::ID_AA64MMFR0_EL1):
        return at_most<ID_AA64MMFR0_EL1::PARANGE>(ID_AA64MMFR0_EL1::of(raw), kParange48).raw;
    default: return raw;
    }
}

void IdRegisters::init() {
    aarch64_only_ = host<ID_AA64PFR0_EL1>().get<ID_AA64PFR0_EL1::EL0>() != 2;
    features_.store_relaxed(0);
    frozen_.store_relaxed(false);
    configured_ = implementation_ids_writable_ = false;
    for (unsigned s = 0; s < 64; s++) {
        const Row& row = kTable.rows[s];
        limits_[s] = row.group == Group::kNone ? 0 : sanitised(s, row.shown, row.group == Group::kAarch32);
    }
    for (SysReg reg : {SysReg::MIDR_EL1, SysReg::REVIDR_EL1, SysReg::AIDR_EL1})
        limits_[slot_of(reg)] = nest_port_feature_register(encoding_of(reg).raw);
    for (unsigned s = 0; s < 64; s++)
        store(s, limits_[s]);
}

Status IdRegisters::configure(u64 features) {
    Guard guard(lock_);
    if (configured_)
        return features == this->features() ? kOk : Status(Errno::kInval);
    features_.store_relaxed(features);
    configured_ = true;
    // No write by a VMM is lost here: ONE_REG needs an initialised vCPU, and this is the VM's first KVM_ARM_VCPU_INIT.
    for (SysReg reg : {SysReg::ID_AA64ISAR1_EL1, SysReg::ID_AA64ISAR2_EL1, SysReg::ID_AA64PFR0_EL1, SysReg::ID_AA64ZFR0_EL1}) {
        unsigned s = slot_of(reg);
        limits_[s] = sanitised(s, kTable.rows[s].shown, false);
        store(s, limits_[s]);
    }
    if (has_feature(abi::KVM_ARM_VCPU_HAS_EL2)) {
        // A VM for a hypervisor without VHE alone, whose guests are no hypervisors, as Linux defines the flag.
        if (has_feature(abi::KVM_ARM_VCPU_HAS_EL2_E2H0))
            shown_el2_ = {.vhe = false, .e2h0 = true, .nv2 = false};
        show_el2();
    }
    return kOk;
}

// A VM with virtual EL2 sees features of EL2, and none of AArch32.
void IdRegisters::show_el2() {
    for (unsigned s = 8; s < 64; s++) {
        const SysReg reg = find_sysreg({static_cast<u16>(0xc000 | s)});
        if (kTable.rows[s].group == Group::kNone || reg == SysReg::kCount)
            continue;
        limits_[s] = nested::id_register_with_el2(reg, nest_port_feature_register(encoding_of(reg).raw), limits_[s],
                                                 shown_el2_);
        store(s, limits_[s]);
    }
    aarch64_only_ = true;
    derive_nested();
}

void IdRegisters::derive_nested() { nested_ = nested::Config(nested::features_of(*this), nested_.nv2); }

bool IdRegisters::is_aarch32_id(Encoding e) const { return kTable.rows[slot(e)].group == Group::kAarch32; }

// Rules that no single field's rule expresses, and corrections: VMMs restore VMs with values that older kernels gave them, and
// these are accepted.
Status IdRegisters::prepare(Encoding e, u64& value) const {
    switch (find_sysreg(e)) {
    case SysReg::CTR_EL0:  // L1Ip 0 and 1 are reserved
        return CTR_EL0::of(value).get<CTR_EL0::L1Ip>() < 2 ? Status(Errno::kInval) : kOk;
    case SysReg::ID_DFR0_EL1: {
        using R = ID_DFR0_EL1;
        const R r = R::of(value);
        const u64 perfmon = r.get<R::PerfMon>();
        if (perfmon == 0xf)
            value = r.with<R::PerfMon>(0).raw;
        bool refused = r.get<R::CopDbg>() < 6 || (perfmon != 0 && perfmon < 3);
        return refused ? Status(Errno::kInval) : kOk;
    }
    case SysReg::ID_AA64PFR0_EL1: {
        using R = ID_AA64PFR0_EL1;
        R r = R::of(value);
        if (r.get<R::MPAM>() == host<R>().get<R::MPAM>())
            r = r.with<R::MPAM>(0);
        value = r.raw;
        return r.get<R::EL0>() == 0 || r.get<R::EL1>() == 0 ? Status(Errno::kInval) : kOk;
    }
    case SysReg::ID_AA64PFR1_EL1: {
        using R = ID_AA64PFR1_EL1;
        if (R::of(value).get<R::MPAM_frac>() == host<R>().get<R::MPAM_frac>())
            value = R::of(value).with<R::MPAM_frac>(0).raw;
        return kOk;
    }
    case SysReg::ID_AA64DFR0_EL1: {
        using R = ID_AA64DFR0_EL1;
        if (R::of(value).get<R::PMUVer>() == 0xf)
            value = R::of(value).with<R::PMUVer>(0).raw;
        return R::of(value).get<R::DebugVer>() < 6 ? Status(Errno::kInval) : kOk;
    }
    case SysReg::ID_AA64MMFR2_EL1: {
        using R = ID_AA64MMFR2_EL1;
        if (R::of(value).get<R::NV>() == host<R>().get<R::NV>())
            value = R::of(value).with<R::NV>(0).raw;
        return kOk;
    }
    default: return kOk;
    }
}

bool IdRegisters::allows(unsigned s, u64 value) const {
    u64 limit = limits_[s], writable = kTable.rows[s].writable, checked = 0;
    for (const Field& f : kFields) {
        if (f.slot != s || (f.mask() & ~writable))
            continue;
        if (!is_safe(f, value, limit))
            return false;
        checked |= f.mask();
    }
    for (u8 low = 0; low < 64; low += 4) {
        Field f{static_cast<u8>(s), low, 4, Rule::kLower, 0};
        if ((f.mask() & ~writable) || (f.mask() & checked))
            continue;
        if (!is_safe(f, value, limit))
            return false;
        checked |= f.mask();
    }
    return ((value ^ limit) & ~checked) == 0;
}

Status IdRegisters::write_implementation_id(unsigned s, u64 value) {
    if (value == values_[s].load_relaxed())
        return kOk;
    if (!implementation_ids_writable_)
        return Errno::kInval;
    if (frozen())
        return Errno::kBusy;
    if (s == slot_of(SysReg::MIDR_EL1) && value >> 32)
        return Errno::kInval;
    store(s, value);
    return kOk;
}

Status IdRegisters::write(Encoding e, u64 value) {
    Guard guard(lock_);
    if (is_implementation_id(e))
        return write_implementation_id(slot(e), value);
    unsigned s = slot(e);
    if (kTable.rows[s].group == Group::kAarch32 && aarch64_only_)
        return kOk;
    if (frozen() && value == values_[s].load_relaxed())
        return kOk;
    NEST_TRY(prepare(e, value));
    if (frozen())
        return value == values_[s].load_relaxed() ? kOk : Status(Errno::kBusy);
    if (!allows(s, value))
        return Errno::kInval;
    store(s, value);
    return kOk;
}

void IdRegisters::freeze(bool has_vgic) {
    Guard guard(lock_);
    if (frozen())
        return;
    if (!has_vgic) {
        unsigned pfr0 = slot_of(SysReg::ID_AA64PFR0_EL1), pfr1 = slot_of(SysReg::ID_PFR1_EL1);
        store(pfr0, ID_AA64PFR0_EL1::of(values_[pfr0].load_relaxed()).with<ID_AA64PFR0_EL1::GIC>(0).raw);
        store(pfr1, values_[pfr1].load_relaxed() & ~kPfr1Gic);
    }
    derive_nested();
    frozen_.store_release(true);
}

u64 IdRegisters::writable_mask(Encoding e) const {
    if (e == encoding_of(SysReg::CLIDR_EL1))
        return 0x0000'7fff'ffff'ffff;
    if (!holds(e))
        return 0;
    if (is_implementation_id(e))
        return e == encoding_of(SysReg::MIDR_EL1) ? 0xffff'ffff : ~u64{0};
    const Row& row = kTable.rows[slot(e)];
    return row.group == Group::kAarch32 && aarch64_only_ ? 0 : row.writable;
}

}  // namespace nest::kvm
