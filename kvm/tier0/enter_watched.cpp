// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/tier0/stay.hpp>

namespace nest::kvm {

Exit run_once_flat(Cpu& c, PerCpu& here, Vcpu& vcpu, nest_trace_exit& seen) {
    Exit exit = run_guest(here, vcpu);
    const bool sync = exit.kind == vhe::ExitKind::kSync;
    const bool captured = sync && vhe::capture_exit(c, vcpu.context);
    put_down(seen, vcpu, exit.kind);
    if (!sync)
        return exit;
    vcpu.stats.exits_by_class[static_cast<unsigned>(vhe::exception_class(vcpu.context.esr))]++;
    exit.handled = !captured;
    if (captured && handle_el1_exit(vcpu) == Next::kResume) {
        vcpu.stats.tier0_exits++;
        exit.handled = true;
    }
    return exit;
}

Exit enter_guest_watched(Vcpu& vcpu, nest_trace_exit& seen) {
    vcpu.context.far = vcpu.context.hpfar = 0;  // capture_exit() fills them in for the exits that have them
    // What remains of this if stay() does not enter the guest: an interrupt, before the guest's next instruction.
    seen = {vcpu.context.pc, 0, 0, 0, NEST_TRACE_EXIT_IRQ, world_of(vcpu)};
    return stay(vcpu, [&](Cpu& c, PerCpu& here, vhe::DebugEntry&) {
        return vcpu.vel2.present() ? run_once_nested(c, here, vcpu, seen) : run_once_flat(c, here, vcpu, seen);
    });
}

}  // namespace nest::kvm
