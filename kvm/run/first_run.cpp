// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/run/first_run.hpp>

#include <kvm/run/watch.hpp>
#include <kvm/sysreg/reset.hpp>
#include <kvm/vm/vm.hpp>

namespace nest::kvm {

Status prepare_first_run(Vcpu& vcpu) {
    if (vcpu.has_run.load_acquire()) [[likely]]
        return kOk;
    Vm& vm = vcpu.vm;
    Guard guard(vm.lock);
    if (vcpu.has_gic())
        NEST_TRY(vm.gic.distributor()->check_ready());
    NEST_TRY(vcpu.timers.enable(vcpu.has_gic()));
    if (vcpu.has_gic()) {
        vcpu.timer_lines.connect();
        if (vcpu.vel2.present())
            NEST_TRY(vm.gic.distributor()->claim_maintenance_ppi(vcpu.gic));
    }
    vm.ids.freeze(vcpu.has_gic());
    publish_id_registers(vcpu);
    vm.has_run = true;
    watch_from_first_run(vcpu);
    vcpu.has_run.store_release(true);
    return kOk;
}

bool device_levels_differ(Vcpu& vcpu) {
    u64 level = vcpu.run->s.regs.device_irq_level;
    const PreemptionOff here;
    return vcpu.timers.update_device_irq_level(cpu(), level);
}

void tell_device_levels(Vcpu& vcpu) {
    u64 level = vcpu.run->s.regs.device_irq_level;
    const PreemptionOff here;
    if (vcpu.timers.update_device_irq_level(cpu(), level))
        vcpu.run->s.regs.device_irq_level = level;
}

}  // namespace nest::kvm
