// SPDX-License-Identifier: GPL-2.0-only
// A vCPU's registers, onto the CPU that its thread runs on and off again.
#include <kvm/vel2/entry.hpp>
#include <kvm/vel2/gic.hpp>
#include <kvm/vm/machine.hpp>
#include <kvm/vm/vm.hpp>
#include <timer/load_put.hpp>
#include <vhe/load_put.hpp>

namespace nest::kvm {

void Vcpu::load() {
    Cpu& c = cpu();
    PerCpu& here = this_cpu();
    if (vel2.present()) {
        nested::load_world(c, vel2, trap_sources(*this));
        vhe::load(c, machine().features, here.context, {context, regs, vel2.traps(), vel2.in_vel2()});
        nested::finish_load_world(c, vel2);
    } else {
        vhe::load(c, machine().features, here.context, {context, regs, traps});
    }
    residence = Residence::kHardware;
    here.loaded = this;  // before the timers may fire: an interrupt without an owner gets its timer masked
    timers.load(c);
    if (has_gic())
        load_gic(*this);
    // A CPU, perhaps this one, has come up with another CTR_EL0 than its guest reads elsewhere.
    if (machine().mixed_ctr.load_relaxed() && !traps.hcr.get<arch::HCR_EL2::TID2>()) [[unlikely]]
        make_request(Request::kTraps);
    // The run delay grew while the thread waited for a CPU.
    if (pvtime.configured())
        make_request(Request::kStolenTime);
}

void Vcpu::put(bool) {
    Cpu& c = cpu();
    PerCpu& here = this_cpu();
    if (has_gic())
        put_gic(*this);
    timers.put(c, wait);
    here.loaded = nullptr;
    if (vel2.present())
        nested::put_world(c, vel2);
    vhe::put(c, machine().features, here.context, {context, regs, active_traps(*this), vel2.in_vel2()});
    residence = Residence::kMemory;
    machine().vmids.clear(nest_port_cpu_id());
    here.vttbr = here.vttbr_before = 0;
}

void Vcpu::refresh_traps() {
    enter_guest_debug(*this);
    TrapPolicy policy;
    policy.track_caches = track_caches;
    TrapHost host_traps = machine().traps;
    host_traps.mixed_ctr = machine().mixed_ctr.load_relaxed();
    traps = compute_traps(*this, host_traps, policy);
    const PreemptionOff here;
    if (residence != Residence::kHardware)
        return;
    if (vel2.present())
        nested::load_world(cpu(), vel2, trap_sources(*this));
    vhe::load_traps(cpu(), machine().features, this_cpu().context, active_traps(*this));
}

}  // namespace nest::kvm
