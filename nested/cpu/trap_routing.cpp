// SPDX-License-Identifier: GPL-2.0-only
#include <nested/cpu/trap_routing.hpp>
#include <base/partition_point.hpp>
#include <nested/cpu/vncr_access.hpp>
#include <nested/vel2/trap_merge.hpp>

namespace nest::nested {
namespace {

using namespace arch;
using H = HCR_EL2;
using M = MDCR_EL2;
using G = ICH_HCR_EL2;
using T = CNTHCTL_EL2;

enum class Fgt : u8 { None, Reg, Itr, Debug };
enum class Sense : u8 { kSet, kClear };
enum class Control : u8 {
    kNone,
#define CONTROL(name, reg, read, write, sense, host) name,
#include <nested/cpu/trap_controls.def>
#undef CONTROL
};

struct Row {
    Encoding first, last;
    Control control;
    Fgt fgt;
    u8 bit;
    Feature feature;
};
constexpr Row kRows[] = {
#define ROUTE(name, op0, op1, crn, crm, op2, last_crm, last_op2, control, fgt, bit, feature)                     \
    {encode(op0, op1, crn, crm, op2), encode(op0, op1, crn, last_crm, last_op2), Control::control, Fgt::fgt, bit, \
     Feature::feature},
#include <nested/cpu/trap_routing.def>
#undef ROUTE
};
constexpr size_t kRowCount = sizeof(kRows) / sizeof(kRows[0]);

consteval bool rows_are_sound() {
    for (size_t i = 0; i < kRowCount; i++)
        if (kRows[i].last.raw < kRows[i].first.raw || (i && kRows[i - 1].last.raw >= kRows[i].first.raw))
            return false;
    return true;
}
static_assert(rows_are_sound(), "trap_routing.def: out of order or overlapping");

const Row* find_row(Encoding e) {
    const size_t at = partition_point(kRowCount, [e](size_t i) { return kRows[i].last.raw < e.raw; });
    return at < kRowCount && kRows[at].first.raw <= e.raw ? &kRows[at] : nullptr;
}

// L1's register R as it acts, in the layout that trap_controls.def knows: that with E2H.
template <typename R>
R l1s(const VirtualEl2& v) {
    return v.get<R>();
}
template <>
CNTHCTL_EL2 l1s(const VirtualEl2& v) {
    return v.cnthctl();
}
template <>
CPTR_EL2 l1s(const VirtualEl2& v) {
    return v.cptr_of_l1();
}

// Does this control trap the access? `host`: the access is one of L1's own user space.
bool control_traps(const VirtualEl2& v, Control control, bool is_read, bool host) {
    switch (control) {
    case Control::kNone: return false;
#define CONTROL(name, reg, read, write, sense, in_host)                    \
    case Control::name: {                                                  \
        const u64 mask = is_read ? (read) : (write);                       \
        const u64 value = l1s<reg>(v).raw & mask;                         \
        const bool traps = Sense::sense == Sense::kSet ? value != 0 : mask && value != mask; \
        return traps && (!host || in_host);                                \
    }
#include <nested/cpu/trap_controls.def>
#undef CONTROL
    }
    return false;
}

// A bit of the fine-grained trap registers; the masks leave none in a VM without FEAT_FGT.
bool fgt_traps(const VirtualEl2& v, Fgt fgt, unsigned bit, bool is_read) {
    switch (fgt) {
    case Fgt::None: return false;
    case Fgt::Reg: return (is_read ? v.get<HFGRTR_EL2>().raw : v.get<HFGWTR_EL2>().raw) >> bit & 1;
    case Fgt::Itr: return v.get<HFGITR_EL2>().raw >> bit & 1;
    case Fgt::Debug: return (is_read ? v.get<HDFGRTR_EL2>().raw : v.get<HDFGWTR_EL2>().raw) >> bit & 1;
    }
    return false;
}

// op2 4 to 7 = BVR, BCR, WVR, WCR; HDFGRTR_EL2 has BCR, BVR, WCR, WVR in bits 0 to 3.
constexpr unsigned breakpoint_bit(Encoding e) { return (e.op2() - 4) ^ 1; }
static_assert(breakpoint_bit(encode(2, 0, 0, 3, 4)) == 1 && breakpoint_bit(encode(2, 0, 0, 3, 7)) == 2);

constexpr Encoding without_nxs(Encoding e) { return encode(e.op0(), e.op1(), 8, e.crm(), e.op2()); }

// EL2, EL12 and EL02 names, and EL2's system instructions. They trap at L2's EL1 only if L1 has set HCR_EL2.NV for an L2 that
// is a hypervisor; without NV they are UNDEFINED at EL1, and no exit.
bool is_hypervisors(Encoding e) {
    return (e.op0() == 3 && (e.op1() == 4 || e.op1() == 5)) || (e.op0() == 1 && e.op1() == 4);
}

// Redirected accesses trap while the page behind L1's VNCR_EL2 is not known, and where one of the host's controls comes before
// the redirection (MDCR_EL2.TDA). L1 has only one kind of control for them: CNTHCTL_EL2's for the EL02 timers.
Route route_hypervisors(const VirtualEl2& v, Encoding e, bool is_read) {
    if (!redirected_by_nv2(e, v.hcr().get<H::NV1>()))
        return Route::kForward;
    const bool timer = e.op1() == 5 && e.crn() == 14;
    const Control control = e.crm() == 2 ? Control::kEl1nvpct : Control::kEl1nvvct;
    return timer && control_traps(v, control, is_read, false) ? Route::kForward : Route::kVncr;
}

Route forward_if(bool condition) { return condition ? Route::kForward : Route::kOurs; }

}  // namespace

Route route_sysreg(const VirtualEl2& v, SysRegIss iss) {
    const bool is_read = iss.get<SysRegIss::Read>();
    const bool host = v.in_vel2();
    Encoding e = iss.encoding();
    bool fine_grained = !host;
    if (e.op0() == 1 && e.crn() == 9) {
        if (!v.config().features.has(Feature::kXs))
            return Route::kUndefined;
        fine_grained = fine_grained && !v.get<HCRX_EL2>().get<HCRX_EL2::FGTnXS>();
        if (e.op1() == 0)
            e = without_nxs(e);
    }
    if (is_breakpoint_register(e))
        return forward_if(control_traps(v, Control::kTda, is_read, host) ||
                          (fine_grained && fgt_traps(v, Fgt::Debug, breakpoint_bit(e), is_read)));
    const Row* row = find_row(e);
    if (!row)
        return !host && is_hypervisors(e) && v.hcr().get<H::NV>() ? route_hypervisors(v, e, is_read) : Route::kOurs;
    if (!v.config().features.has(row->feature))
        return Route::kUndefined;
    if (fine_grained && fgt_traps(v, row->fgt, row->bit, is_read))
        return Route::kForward;
    if (control_traps(v, row->control, is_read, host))
        return Route::kForward;
    if (!host && v.hcr().get<H::NV>() && is_vncr_by_el1_name(e, v.hcr().get<H::NV1>()))
        return Route::kVncr;
    return forward_if(row->control == Control::kSgi && control_traps(v, Control::kTc, is_read, host));
}

// All that route() has not decided.
Route detail::route_in_guest(const VirtualEl2& v, u64 esr) {
    const u64 iss = esr & ESR_EL2::ISS::kMask;
    const HCR_EL2 hcr = v.hcr();
    switch (static_cast<Ec>(ESR_EL2::of(esr).get<ESR_EL2::EC>())) {
    case Ec::kWfx: return forward_if(WfxIss::of(iss).get<WfxIss::TI>() & 1 ? hcr.get<H::TWE>() : hcr.get<H::TWI>());
    case Ec::kFpAccess: return forward_if(l1_traps_fp(v.cptr_of_l1()));
    case Ec::kSve: {
        // ZEN comes before FPEN. Both are closed in hardware until the registers are loaded, whatever L1 traps.
        if (!v.config().features.has(Feature::kSve))
            return Route::kUndefined;
        const CPTR_EL2 l1 = v.cptr_of_l1();
        if (l1_traps_sve(l1))
            return Route::kForward;
        return l1_traps_fp(l1) ? Route::kForwardFp : Route::kOurs;
    }
    case Ec::kSmc64: return forward_if(hcr.get<H::TSC>());
    case Ec::kSvc64: {
        const auto hfgitr = v.get<HFGITR_EL2>();
        return forward_if(v.at_el0() ? hfgitr.get<HFGITR_EL2::SVC_EL0>() : hfgitr.get<HFGITR_EL2::SVC_EL1>());
    }
    case Ec::kEret: return forward_if(hcr.get<H::NV>() || v.get<HFGITR_EL2>().get<HFGITR_EL2::ERET>());
    case Ec::kPauth:
        if (!v.config().features.has(Feature::kPauth))
            return Route::kUndefined;
        return forward_if(!hcr.get<H::API>());
    case Ec::kBreakpointLower:
    case Ec::kSoftStepLower:
    case Ec::kWatchpointLower:
    case Ec::kBrk64: return forward_if(v.get<M>().get<M::TDE>());
    case Ec::kMops: return forward_if(v.in_l2() && v.get<HCRX_EL2>().get<HCRX_EL2::MCE2>());
    default: return Route::kOurs;  // SME, LS64, AArch32: no VM with EL2 has them, and the flat path knows
    }
}

}  // namespace nest::nested
