// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/vm/vcpu.hpp>

#include <kvm/stats/totals.hpp>
#include <kvm/sysreg/reset.hpp>
#include <kvm/vm/report.hpp>
#include <kvm/vm/vm.hpp>

namespace nest::kvm {

Vcpu::Vcpu(Vm& owner, unsigned vcpu_index, u32 vcpu_id)
    : CpuState(owner.ids, vcpu_id), vm(owner), index(vcpu_index), hooks(*this), timer_lines(*this) {
    vel2.vncr = &l1_vncr;
    vel2.world_traps.keep_before_in(l2_traps_before);
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
    if (const u32 entries = vm.slots.ring_entries())
        NEST_TRY(vcpu->dirty_ring.init(entries, vcpu->requests_, static_cast<u64>(Request::kRingFull)));
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

}  // namespace nest::kvm
