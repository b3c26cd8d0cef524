// SPDX-License-Identifier: GPL-2.0-only
// Changes of a vCPU's timers while they are loaded: another offset, TGE, the pair that owns the hardware.
#include <timer/load_put.hpp>

namespace nest::timer {

[[gnu::noinline]] void VcpuTimers::reload(arch::Cpu& cpu) {
    const IrqsOff off;
    save(cpu);
    restore_all(cpu);
}

void VcpuTimers::shift_regime(arch::Cpu& cpu, bool guest) {
    if (guest == guest_regime_)
        return;
    TimerContext& t = context(direct(Slot::kPhysical));
    guest_regime_ = guest;
    if (guest) {
        write_cval(cpu, Slot::kPhysical, t.cval());
    } else {
        t.set_cval(read_cval(cpu, Slot::kPhysical));
        write_cval(cpu, Slot::kPhysical, t.host_compare(host_count(cpu)));
    }
    cpu.isb();
}

void VcpuTimers::switch_direct(arch::Cpu& cpu, bool hyp, arch::CNTHCTL_EL2 l1) {
    if (hyp_is_direct() == hyp)
        return;
    if (loaded_) {
        cancel_soft();
        const IrqsOff off;
        save(cpu);
    }
    l1_controls_ = l1;
    make_direct(hyp);
    catch_up();
    if (!loaded_)
        return;
    const u64 now = host_count(cpu);
    {
        const IrqsOff off;
        claim_lines(now);
        restore_all(cpu);
    }
    // While the timers that left were in hardware the vGIC sampled their lines; from now on it has to be told the levels.
    evaluate_soft(now, true);
    arm_soft(now);
    soft_dirty_ = false;
}

}  // namespace nest::timer
