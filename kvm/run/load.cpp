// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/run/load.hpp>

#include <kvm/vel2/entry.hpp>
#include <kvm/vel2/gic.hpp>
#include <kvm/vm/machine.hpp>
#include <kvm/vm/vm.hpp>
#include <timer/load_put.hpp>
#include <vhe/load_put.hpp>

namespace nest::kvm {

void load(Vcpu& vcpu) {
    Cpu& c = cpu();
    PerCpu& here = this_cpu();
    if (vcpu.vel2.present()) {
        nested::load_world(c, vcpu.vel2, trap_sources(vcpu));
        vhe::load(c, machine().features, here.context, {vcpu.context, vcpu.regs, vcpu.vel2.traps(), vcpu.vel2.in_vel2(), vcpu.vel2.form()});
        nested::finish_load_world(c, vcpu.vel2);
    } else {
        vhe::load(c, machine().features, here.context, {vcpu.context, vcpu.regs, vcpu.traps});
    }
    vcpu.residence = Residence::kHardware;
    here.loaded = &vcpu;  // before the timers may fire: an interrupt without an owner gets its timer masked
    vcpu.timers.load(c);
    if (vcpu.has_gic())
        load_gic(vcpu);
    // Some CPU has come up with another CTR_EL0 than the others: the guest's reads of CTR_EL0 have to trap from now on.
    if (machine().mixed_ctr.load_relaxed() && !vcpu.traps.hcr.get<arch::HCR_EL2::TID2>()) [[unlikely]]
        vcpu.make_request(Request::kTraps);
    // The run delay grew while the thread waited for a CPU.
    if (vcpu.pvtime.configured())
        vcpu.make_request(Request::kStolenTime);
}

void put(Vcpu& vcpu) {
    Cpu& c = cpu();
    PerCpu& here = this_cpu();
    if (vcpu.has_gic())
        put_gic(vcpu);
    vcpu.timers.put(c, vcpu.wait);
    here.loaded = nullptr;
    if (vcpu.vel2.present())
        nested::put_world(c, vcpu.vel2);
    vhe::put(c, machine().features, here.context, {vcpu.context, vcpu.regs, active_traps(vcpu), vcpu.vel2.in_vel2(), vcpu.vel2.form()});
    vcpu.residence = Residence::kMemory;
    machine().vmids.clear(nest_port_cpu_id());
    here.vttbr = here.vttbr_before = 0;
}

void refresh_traps(Vcpu& vcpu) {
    enter_guest_debug(vcpu);
    TrapPolicy policy;
    policy.track_caches = vcpu.track_caches;
    TrapHost host_traps = machine().traps;
    host_traps.mixed_ctr = machine().mixed_ctr.load_relaxed();
    vcpu.traps = compute_traps(vcpu, host_traps, policy);
    const PreemptionOff here;
    if (vcpu.residence != Residence::kHardware)
        return;
    if (vcpu.vel2.present())
        nested::load_world(cpu(), vcpu.vel2, trap_sources(vcpu));
    vhe::load_traps(cpu(), machine().features, this_cpu().context, active_traps(vcpu));
}

}  // namespace nest::kvm
