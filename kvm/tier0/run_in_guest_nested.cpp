// SPDX-License-Identifier: GPL-2.0-only
// Tier 0 of a vCPU with virtual EL2.
#include <kvm/tier0/run_in_guest.hpp>

#include <kvm/cpu/inject.hpp>
#include <kvm/nested/sysreg.hpp>
#include <kvm/tier0/stage2_load.hpp>
#include <kvm/vel2/entry.hpp>
#include <kvm/vel2/forward.hpp>
#include <kvm/vel2/gic_tier0.hpp>
#include <kvm/vm/machine.hpp>
#include <nested/cpu/el2_short_ways.hpp>
#include <nested/cpu/eret.hpp>
#include <nested/cpu/step_over.hpp>
#include <nested/cpu/trap_routing.hpp>
#include <vgic/nested/nested.hpp>

namespace nest::kvm {
namespace {

using namespace arch;
using nested::Exception;
using nested::World;

// Counters of every exit, kept in CPU registers for the whole stay.
struct Tally {
    explicit Tally(VcpuStats& s) : stats(s) {}
    ~Tally() {
        stats.tier0_exits += decided;
        stats.nested_tier0_switches += switches;
    }
    Tally(const Tally&) = delete;
    Tally& operator=(const Tally&) = delete;

    VcpuStats& stats;
    u64 decided = 0, switches = 0;
};

[[gnu::noinline, gnu::cold]] void forward_with_address(Vcpu& vcpu) {
    forward_in_tier0(vcpu, Exception::abort(vcpu.context.esr, vcpu.context.far));
}

// `e2h` in these templates: VirtualEl2::e2h(), which is the same for a whole stay in the guest. With E2H not one instruction is
// spent on the question.
template <bool e2h>
void forward_as_taken(Vcpu& vcpu) {
    const u64 esr = vcpu.context.esr;
    if (vhe::exception_class(esr) == Ec::kWatchpointLower) [[unlikely]]
        return forward_with_address(vcpu);
    forward_in_tier0_of<e2h>(vcpu, Exception::sync(esr));
}

// Virtual EL2 has changed HCR_EL2.E2H in the VNCR page, and its registers are in hardware in the form for the other E2H. The
// instruction is executed again after the run loop has brought them into the right form (follow_e2h()).
[[gnu::noinline, gnu::cold]] void execute_again(Vcpu& vcpu) { vcpu.make_request(Request::kTraps); }

// An ERET that virtual EL2 may not execute, or that its own pointer authentication stops.
[[gnu::noinline, gnu::cold]] void refuse_eret(Vcpu& vcpu, const Exception& e) {
    nested::take_exception(cpu(), vcpu.vel2, e, tier0_switch(vcpu));
}

template <bool e2h>
void return_from_vel2(Vcpu& vcpu) {
    Cpu& c = cpu();
    const nested::Returned returned = nested::emulate_eret<e2h>(c, vcpu.vel2, vcpu.context.esr & ESR_EL2::ISS::kMask);
    trace_eret(vcpu, returned);
    switch (returned) {
    case nested::Returned::kVel2:
        break;
    case nested::Returned::kL2:
        nested::switch_to_l2<e2h>(c, vcpu.vel2, tier0_switch(vcpu));
        break;
    case nested::Returned::kAgain:
        execute_again(vcpu);
        break;
    case nested::Returned::kUndefined:
        refuse_eret(vcpu, Exception::undefined());
        break;
    case nested::Returned::kFpac:
        refuse_eret(vcpu, nested::fpac_exception(vcpu.context.esr));
        break;
    }
}

template <bool e2h>
[[gnu::noinline, gnu::cold]] void return_while_stepped(Vcpu& vcpu) {
    const GuestStepState guests_own(vcpu);
    return_from_vel2<e2h>(vcpu);
}

// ICH_MISR_EL2, which a hypervisor reads at each exit of its guest.
void read_misr(Vcpu& vcpu, SysRegIss iss) {
    vcpu.set_gpr(static_cast<unsigned>(iss.get<SysRegIss::Rt>()), vgic::nested_misr(vcpu.regs, machine().gic.list_registers()));
    nested::step_over(vcpu.vel2);
}

// As a call: in tier 0's loop these would cost each exit registers.
[[gnu::noinline]] Next other_vel2_sysreg(Vcpu& vcpu, SysRegIss iss) {
    if (iss.encoding() == encoding_of(SysReg::ICH_MISR_EL2) && iss.get<SysRegIss::Read>() && vcpu.has_gic()) {
        read_misr(vcpu, iss);
        return Next::kResume;
    }
    if (nested::reads_identification(iss))
        return handle_el1_exit(vcpu);
    vcpu.vel2.found_mmu(cpu().read<SCTLR_EL12>().raw & SCTLR_EL1::M::kMask);
    if (vcpu.vel2.form_is_stale()) [[unlikely]] {
        execute_again(vcpu);
        return Next::kResume;
    }
    switch (emulate_vel2_sysreg(vcpu, Tier::k0)) {
    case nested::Outcome::kDone:
        return Next::kResume;
    case nested::Outcome::kUndefined:
        inject_undefined(vcpu);
        return Next::kResume;
    case nested::Outcome::kSveTrap:
        forward_in_tier0(vcpu, Exception::sve_access());
        return Next::kResume;
    case nested::Outcome::kTier1:
        return Next::kTier1;
    case nested::Outcome::kFlat:
        break;
    }
    return handle_el1_exit(vcpu);
}

Next vel2_sysreg(Vcpu& vcpu) {
    if (vcpu.vel2.e2h_was_written()) [[unlikely]] {
        execute_again(vcpu);
        return Next::kResume;
    }
    const auto iss = SysRegIss::of(vcpu.context.esr & ESR_EL2::ISS::kMask);
    return nested::answer_at_once(cpu(), vcpu.vel2, iss) ? Next::kResume : other_vel2_sysreg(vcpu, iss);
}

[[gnu::noinline, gnu::cold]] void forward_fp_access(Vcpu& vcpu) { forward_in_tier0(vcpu, Exception::fp_access()); }

// Tier 0 of one exit. `only_changed_worlds` becomes true for a forward or an ERET: nothing but the registers of a change of
// world (or of EL) was touched, no debug register, for example.
template <bool e2h>
Next decide(Vcpu& vcpu, bool& only_changed_worlds) {
    nested::VirtualEl2& v = vcpu.vel2;
    const u64 esr = vcpu.context.esr;
    switch (nested::route(v, esr)) {
    case nested::Route::kForward:
        forward_as_taken<e2h>(vcpu);
        only_changed_worlds = true;
        return Next::kResume;
    case nested::Route::kVncr:
        return vcpu.vm.nested_vncr.access(vcpu);
    case nested::Route::kUndefined:
        inject_undefined(vcpu);
        return Next::kResume;
    case nested::Route::kForwardFp:
        forward_fp_access(vcpu);
        return Next::kResume;
    case nested::Route::kStage2:
        return v.in_l2() ? vcpu.vm.nested_mmu.resolve_in_tier0(vcpu) : handle_el1_exit(vcpu);
    case nested::Route::kOurs:
        break;
    }
    if (!v.in_vel2() || v.at_el0())
        return handle_el1_exit(vcpu);
    switch (vhe::exception_class(esr)) {
    case Ec::kEret:
        if (vcpu.debug.step_state_replaced) [[unlikely]]
            return_while_stepped<e2h>(vcpu);
        else
            return_from_vel2<e2h>(vcpu);
        only_changed_worlds = true;
        return Next::kResume;
    case Ec::kSysReg:
        return vel2_sysreg(vcpu);
    default:
        return handle_el1_exit(vcpu);
    }
}

// After the registers have changed worlds: timers, CPU interface and stage 2 follow at once, if no interrupt, due timer or new
// shadow is involved. False: they have to follow by way of the host.
template <World to, bool e2h>
bool complete_switch_fast_to(Cpu& c, PerCpu& here, Vcpu& vcpu, Tally& tally) {
    constexpr bool hyp = to == World::kVel2;
    if (vcpu.serror.pending_or_sve_loaded()) [[unlikely]] {
        if (vcpu.serror.sve_loaded)
            nested::follow_zcr(c, vcpu.vel2);
        if (vcpu.serror.pending)
            return false;
    }
    const GicChange gic = possible_gic_change<to>(vcpu);
    if (gic == GicChange::kNotHere)
        return false;
    if (!hyp && !vcpu.nested.shadow_use.holds_for(vcpu.regs) && !vcpu.vm.nested_mmu.find_shadow(vcpu))
        return false;
    // exchange() may be called: there is a vGIC, and switch_pending() means that the other pair is in the hardware.
    if constexpr (e2h) {
        if (!vcpu.timers.exchange<hyp>(c, vcpu.vel2.get<CNTHCTL_EL2>()))
            return false;
    } else if (!vcpu.timers.share_el1_pair(c, hyp, vcpu.vel2.cnthctl())) {
        return false;
    }
    vcpu.nested.served_world = to;
    tally.switches++;
    if (!change_gic<to>(vcpu, gic))
        return false;
    const bool another_ran = hyp ? load_tables(c, here, vcpu.vm.stage2.tables(), vcpu)
                                 : load_tables(c, here, vcpu.nested.shadow_use.shadow->tables, vcpu);
    if (another_ran) [[unlikely]]
        stage2::drop_stage1_here(c);
    return true;
}

template <bool e2h>
bool complete_switch_fast(Cpu& c, PerCpu& here, Vcpu& vcpu, Tally& tally) {
    return vcpu.vel2.in_l2() ? complete_switch_fast_to<World::kL2, e2h>(c, here, vcpu, tally)
                             : complete_switch_fast_to<World::kVel2, e2h>(c, here, vcpu, tally);
}

// ---- the steps of the loop; false: by way of the host

// Captures the exit, and counts it for the world that it came from. False: there is nothing to decide (capture_exit()).
bool account(Cpu& c, Vcpu& vcpu) {
    const bool captured = vhe::capture_exit(c, vcpu.context);
    const auto ec = static_cast<unsigned>(vhe::exception_class(vcpu.context.esr));
    // exits_by_class is computed later, as the sum of these two (kvm/vm/report.cpp).
    (vcpu.vel2.in_l2() ? vcpu.stats.nested_l2_exits_by_class : vcpu.stats.nested_vel2_exits_by_class)[ec]++;
    return captured;
}

// Brings hardware in line with MDSCR_EL1, which L1 writes without an exit. `mdscr_alone`: no other debug register can have
// changed since the last exit, as an exit that only changes worlds changes none.
bool settle_debug(Vcpu& vcpu, vhe::DebugEntry& debug, bool only_changed_worlds, bool& mdscr_alone) {
    if (mdscr_alone && only_changed_worlds && vcpu.regs.get<MDSCR_EL1>() == debug.mdscr) [[likely]]
        return true;
    if (!refresh_debug(vcpu, debug))
        return false;
    mdscr_alone = only_mdscr_matters(vcpu, debug);
    return true;
}

// Timers, CPU interface and stage 2 for the world that the registers are in now.
template <bool e2h>
bool settle_world(Cpu& c, PerCpu& here, Vcpu& vcpu, Tally& tally) {
    return switch_pending(vcpu) ? complete_switch_fast<e2h>(c, here, vcpu, tally) : !vcpu.timers.needs_flush();
}

// Everything is inlined into this function: an exit that changes worlds goes through a dozen small functions of five folders,
// and their prologues, and questions that were asked twice, were a quarter of its cost. tests/lint/fast_path.py knows which
// calls are left. (Not in the host's build: with sanitizers and FakeCpu the function would become huge.)
template <bool e2h>
#ifdef NEST_MODULE
[[gnu::flatten]]
#endif
[[gnu::noinline]] Exit stay_in_guest(Cpu& c, PerCpu& here, Vcpu& vcpu, vhe::DebugEntry& debug) {
    bool mdscr_alone = false;
    Tally tally(vcpu.stats);
    for (;;) {
        Exit exit = run_guest(here, vcpu);
        if (exit.kind != vhe::ExitKind::kSync)
            return exit;
        if (!account(c, vcpu))
            continue;
        bool only_changed_worlds = false;
        if (decide<e2h>(vcpu, only_changed_worlds) != Next::kResume)
            return exit;
        tally.decided++;
        exit.handled = true;
        if (!settle_debug(vcpu, debug, only_changed_worlds, mdscr_alone))
            return exit;
        if (vcpu.has_requests()) [[unlikely]]
            return exit;
        if (!settle_world<e2h>(c, here, vcpu, tally)) [[unlikely]]
            return exit;
    }
}

}  // namespace

Exit run_in_guest_nested(Cpu& c, PerCpu& here, Vcpu& vcpu, vhe::DebugEntry& debug) {
    return vcpu.vel2.e2h() ? stay_in_guest<true>(c, here, vcpu, debug) : stay_in_guest<false>(c, here, vcpu, debug);
}

Exit run_once_nested(Cpu& c, PerCpu& here, Vcpu& vcpu, nest_trace_exit& seen) {
    Tally tally(vcpu.stats);
    Exit exit = run_guest(here, vcpu);
    const bool sync = exit.kind == vhe::ExitKind::kSync;
    const bool captured = sync && account(c, vcpu);
    put_down(seen, vcpu, exit.kind);
    if (!sync)
        return exit;
    bool only_changed_worlds = false;
    exit.handled = !captured;
    const auto handle = vcpu.vel2.e2h() ? decide<true> : decide<false>;
    if (captured && handle(vcpu, only_changed_worlds) == Next::kResume) {
        tally.decided++;
        exit.handled = true;
    }
    return exit;
}

}  // namespace nest::kvm
