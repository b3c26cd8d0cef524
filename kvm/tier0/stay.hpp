// SPDX-License-Identifier: GPL-2.0-only
// The frame of a stay in the guest: the guest's context in, what runs the guest, the context out again. Its two users, enter.cpp and
// enter_watched.cpp, have all of it inline, each in a file of its own: two users in one file, and the compiler would not inline its
// functions any more, which are static for that.
#pragma once
#include <kvm/abi/irq.hpp>
#include <kvm/cpu/guest_debug.hpp>
#include <kvm/cpu/inject.hpp>
#include <kvm/tier0/run_in_guest.hpp>
#include <kvm/tier0/stage2_load.hpp>
#include <kvm/vel2/entry.hpp>
#include <kvm/vm/machine.hpp>
#include <kvm/vm/vm.hpp>
#include <vhe/native.hpp>
#include <vhe/serror.hpp>
#include <vhe/world_switch.hpp>

namespace nest::kvm {
namespace stay_detail {

using namespace arch;

constexpr u64 kPmrAllowAll = 0xf0;

// Masks all exceptions by PSTATE. A kernel with pseudo-NMIs masks interrupts by ICC_PMR_EL1 instead, and such a mask would keep
// them from ending the guest's time: so the mask is opened, as PSTATE masks them in the host meanwhile.
class MaskedExceptions {
public:
    explicit MaskedExceptions(Cpu& c) : cpu_(c), daif_(c.read<DAIF>()) {
        c.write(DAIF::of(DAIF::kAll));
        if (machine().pmr_masking) {
            pmr_ = c.read<ICC_PMR_EL1>();
            c.write(ICC_PMR_EL1::of(kPmrAllowAll));
            c.dsb<Barrier::SY>();
        }
    }
    ~MaskedExceptions() {
        if (machine().pmr_masking)
            cpu_.write(pmr_);
        cpu_.write(daif_);
    }
    MaskedExceptions(const MaskedExceptions&) = delete;
    MaskedExceptions& operator=(const MaskedExceptions&) = delete;

private:
    Cpu& cpu_;
    DAIF daif_;
    ICC_PMR_EL1 pmr_{};
};

static HCR_EL2 hcr_for(Cpu& c, const Vcpu& vcpu) {
    HCR_EL2 hcr = active_traps(vcpu).hcr;
    if (vcpu.serror.pending) [[unlikely]] {
        if (machine().features.ras)
            c.write(VSESR_EL2::of(vcpu.serror.syndrome));
        hcr = hcr.with<HCR_EL2::VSE>(1);
    }
    if (const u32 pins = vcpu.irq_pins.load_relaxed()) [[unlikely]] {
        // A line that L1 takes itself may have risen just now. It must not reach L2: preempt_l2() gives it to L1, before the
        // next entry. With an in-kernel GIC the pins are L2's alone, from the last flush for L2 (set_left_line()).
        if (vcpu.has_gic() && !vcpu.nested.gic.loaded)
            return hcr;
        const bool l2 = vcpu.vel2.in_l2();
        if (!l2 || !vcpu.vel2.hcr().get<HCR_EL2::IMO>())
            hcr = hcr.with<HCR_EL2::VI>(pins >> abi::KVM_ARM_IRQ_CPU_IRQ);
        if (!l2 || !vcpu.vel2.hcr().get<HCR_EL2::FMO>())
            hcr = hcr.with<HCR_EL2::VF>(pins >> abi::KVM_ARM_IRQ_CPU_FIQ);
    }
    return hcr;
}

// Is an SError of the host's own accesses pending? The host has to take it before the entry, or the guest would be blamed. Not
// asked without FEAT_RAS, where an SError is fatal to the host anyway.
static bool host_serror_pending(Cpu& c) {
    constexpr u64 kA = 1 << 8;
    c.dsb<Barrier::NSHST>();
    c.isb();
    return c.read<ISR_EL1>().raw & kA;
}

// Takes SErrors that the guest's accesses have raised: the one that ended its time, and what an ESB finds before the host's
// own accesses can raise others. The guest's are left pending for the next entry, when the exit has been dealt with and PC is
// final. All exceptions masked, the host's context loaded.
static void take_serrors(Cpu& c, Vcpu& vcpu, bool interrupted_by_one) {
    const bool ras = machine().features.ras;
    const auto judge = [&](u64 syndrome) {
        switch (vhe::judge_serror(syndrome, ras)) {
        case vhe::SerrorVerdict::kHarmless: return;
        case vhe::SerrorVerdict::kGuests: return pend_serror(vcpu);
        case vhe::SerrorVerdict::kHosts: nest_port_serror_panic(syndrome);
        }
    };
    if (interrupted_by_one) [[unlikely]]
        judge(c.read<ESR_EL2>().raw & ESR_EL2::ISS::kMask);
    if (!ras)
        return;
    c.esb();
    if (const DISR_EL1 deferred = c.read<DISR_EL1>(); deferred.raw) [[unlikely]] {
        c.write(DISR_EL1{});
        judge(deferred.raw & ESR_EL2::ISS::kMask);
    }
}

static CPTR_EL2 cptr_for(const Vcpu& vcpu) {
    if (vcpu.vel2.present())
        return vcpu.vel2.cptr(vcpu.fp_open);
    return vcpu.fp_open.in(vcpu.traps.cptr);
}

}  // namespace stay_detail

// One stay with the guest's context loaded; `run` enters the guest, at least once.
template <typename Run>
[[gnu::always_inline]] inline Exit stay(Vcpu& vcpu, Run&& run) {
    Cpu& c = cpu();
    PerCpu& here = this_cpu();
    const stay_detail::MaskedExceptions masked(c);
    if (machine().features.ras && stay_detail::host_serror_pending(c)) [[unlikely]]
        return {vhe::ExitKind::kIrq, true};

    const bool another_ran = load_stage2(c, here, vcpu);
    vhe::DebugEntry debug = debug_entry(vcpu);
    vhe::activate(c, machine().features, here.context, stay_detail::hcr_for(c, vcpu), stay_detail::cptr_for(vcpu), debug,
                  reinterpret_cast<u64>(nest_guest_vectors));
    if (another_ran) [[unlikely]]
        stage2::drop_stage1_here(c);
    vcpu.entered = true;
    vcpu.timers.enter_guest_regime(c);
    const Exit exit = run(c, here, debug);
    if (vcpu.vel2.present())
        nested::sync_l2_serror(c, vcpu.vel2);
    if (vcpu.serror.pending)
        vcpu.serror.pending = c.read<arch::HCR_EL2>().get<arch::HCR_EL2::VSE>();
    vcpu.entered = false;
    vhe::deactivate(c, machine().features, here.context, debug);
    vcpu.timers.leave_guest_regime(c);
    stay_detail::take_serrors(c, vcpu, exit.kind == vhe::ExitKind::kSerror);
    return exit;
}

}  // namespace nest::kvm
