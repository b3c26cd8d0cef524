// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/tier0/stay.hpp>

namespace nest::kvm {

Exit run_in_guest_flat(Cpu& c, PerCpu& here, Vcpu& vcpu) {
    for (;;) {
        Exit exit = run_guest(here, vcpu);
        if (exit.kind != vhe::ExitKind::kSync)
            return exit;
        const bool captured = vhe::capture_exit(c, vcpu.context);
        vcpu.stats.exits_by_class[static_cast<unsigned>(vhe::exception_class(vcpu.context.esr))]++;
        if (!captured)
            continue;
        if (handle_el1_exit(vcpu) != Next::kResume)
            return exit;
        vcpu.stats.tier0_exits++;
        if (vcpu.has_requests() || vcpu.timers.needs_flush()) [[unlikely]] {
            exit.handled = true;
            return exit;
        }
    }
}

Exit enter_guest(Vcpu& vcpu) {
    return stay(vcpu, [&](Cpu& c, PerCpu& here, vhe::DebugEntry& debug) {
        return vcpu.vel2.present() ? run_in_guest_nested(c, here, vcpu, debug) : run_in_guest_flat(c, here, vcpu);
    });
}

}  // namespace nest::kvm
