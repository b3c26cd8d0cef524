// SPDX-License-Identifier: GPL-2.0-only
// ICC_DIR_EL1 by software: the interrupt may be in nobody's list register, in ours no more, or in another vCPU's.
#include <vgic/distributor.hpp>
#include <vgic/hw/fold.hpp>
#include <vgic/hw/list_registers.hpp>

namespace nest::vgic {
namespace {

// False, and nothing done: the interrupt is in a list register of a vCPU that may run. `even_on_lr`: no vCPU runs.
bool try_deactivate(CpuInterface& cpu, unsigned intid, bool even_on_lr) {
    Distributor& distributor = *cpu.distributor;
    const u32 bit = bit_of(intid);
    Fold fold(cpu, distributor);
    if (is_private(intid)) {
        IrqGuard guard(cpu.lock);
        if (cpu.private_irqs.active & bit)
            fold.deactivate_one(intid);
        cpu.refresh();
    } else {
        IrqGuard guard(distributor.shared_lock());
        const SpiBank& bank = distributor.spi_bank(intid / 32 - 1);
        if ((bank.on_lr & bit) && !even_on_lr)
            return false;
        if (bank.active & bit) {
            fold.deactivate_one(intid);
            fold.requeue_shared();
        }
    }
    fold.finish();
    return true;
}

}  // namespace

void deactivate(CpuInterface& cpu, unsigned intid) {
    Distributor& distributor = *cpu.distributor;
    if (!is_private(intid) && !distributor.valid_spi(intid))
        return;
    if (try_deactivate(cpu, intid, false))
        return;
    Guard config(distributor.config());
    distributor.callbacks().halt_all();
    (void)try_deactivate(cpu, intid, true);
    distributor.callbacks().resume_all();
}

}  // namespace nest::vgic
