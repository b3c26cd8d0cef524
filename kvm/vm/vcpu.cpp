// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/vm/vcpu.hpp>

#include <kvm/vm/machine.hpp>
#include <kvm/vel2/entry.hpp>
#include <kvm/vel2/gic.hpp>
#include <kvm/vm/report.hpp>
#include <kvm/sysreg/reset.hpp>
#include <kvm/stats/totals.hpp>
#include <kvm/vm/vm.hpp>
#include <vgic/hw/entry.hpp>
#include <vhe/world_switch.hpp>

namespace nest::kvm {

Vcpu::Vcpu(Vm& owner, unsigned vcpu_index, u32 vcpu_id)
    : CpuState(owner.ids, vcpu_id), vm(owner), id(vcpu_id), slot(vcpu_index), hooks(*this), timer_lines(*this) {
    vel2.vncr = &l1_vncr;
}

Result<Vcpu*> Vcpu::create(Vm& vm, unsigned index, u32 id) {
    vm.lock.assert_held();
    Owned<Vcpu> vcpu(make<Vcpu>(vm, index, id));
    if (!vcpu)
        return Errno::kNoMem;
    vcpu->host = nest_port_vcpu_alloc(vcpu.get());
    vcpu->run = static_cast<abi::Run*>(nest_port_user_page_alloc());
    if (!vcpu->host || !vcpu->run || !vcpu->regs.init())
        return Errno::kNoMem;
    vcpu->regs.set(arch::SysReg::MPIDR_EL1, mpidr_of(id));
    vcpu->timers.init(vm.timers, vcpu->timer_lines, vcpu.get(), 0);
    return vcpu.release();
}

Vcpu::~Vcpu() {
    timers.terminate();
    complete(stats);
    add_to_totals(stats);
    if (run)
        nest_port_user_page_free(run);
    if (host)
        nest_port_vcpu_free(host);
}

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

bool Vcpu::has_wakeup_event() {
    return (has_gic() && vgic::has_pending(gic)) || irq_pins.load_relaxed() != 0 || serror.pending ||
           alarm.load_acquire() || (vel2.in_guest() && l2_has_interrupt(*this));
}

bool Vcpu::wait_is_over() {
    if (vm.dead.load_acquire())
        return true;
    switch (static_cast<WaitFor>(waiting_for.load_acquire())) {
    case WaitFor::kPower:
        return power.get() != PowerState::kStopped;
    case WaitFor::kHaltEnd:
        return !vm.halted();
    case WaitFor::kInterrupt:
        return has_requests() || power.get() == PowerState::kStopped || has_wakeup_event();
    case WaitFor::kNothing:
        break;
    }
    return true;
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
