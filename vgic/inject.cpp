// SPDX-License-Identifier: GPL-2.0-only
#include <vgic/inject.hpp>

namespace nest::vgic {
namespace {

// True: the interrupt's state has changed. `lock`, which is the bank's, is held.
bool apply_line(const RawSpinLock& lock, Bank& bank, u32 bit, bool level) {
    lock.assert_held();
    if (bank.edge & bit) {
        if (level)
            bank.latch |= bit;
        return level;
    }
    if (((bank.line & bit) != 0) == level)
        return false;
    bank.line ^= bit;
    return true;
}

}  // namespace

Status inject_spi(Distributor& distributor, unsigned intid, bool level) {
    if (!distributor.initialized())
        return kOk;
    if (!distributor.valid_spi(intid))
        return Errno::kInval;
    const unsigned bank = intid / 32 - 1;
    NEST_UNINITIALIZED Kicks kicks;
    {
        IrqGuard guard(distributor.shared_lock());
        if (apply_line(distributor.shared_lock(), distributor.spi_bank(bank), bit_of(intid), level))
            distributor.update_shared(bank, intid % 32, kicks);
    }
    kicks.deliver(distributor);
    return kOk;
}

Status inject_ppi(CpuInterface& cpu, unsigned intid, bool level, const void* owner) {
    if (!is_ppi(intid))
        return Errno::kInval;
    if (!cpu.distributor->initialized())
        return kOk;
    const u32 bit = bit_of(intid);
    bool kick;
    {
        IrqGuard guard(cpu.lock);
        if (cpu.private_irqs.owner[intid] != owner || !apply_line(cpu.lock, cpu.private_irqs, bit, level))
            return kOk;
        cpu.refresh();
        // A level may fall while its list register says pending: the vCPU has to leave the guest to take that back.
        kick = ((level ? cpu.private_irqs.relevant() : cpu.private_irqs.on_lr) & bit) != 0;
    }
    if (kick)
        cpu.distributor->callbacks().kick(cpu.index);
    return kOk;
}

Status inject(Distributor& distributor, unsigned vcpu_index, unsigned intid, bool level, const void* owner) {
    if (!is_private(intid))
        return inject_spi(distributor, intid, level);
    CpuInterface* cpu = distributor.find(vcpu_index);
    return cpu ? inject_ppi(*cpu, intid, level, owner) : Status(Errno::kInval);
}

Status set_owner(CpuInterface& cpu, unsigned intid, const void* owner) {
    if (!is_ppi(intid))
        return Errno::kInval;
    IrqGuard guard(cpu.lock);
    if (owner && cpu.private_irqs.owner[intid] && cpu.private_irqs.owner[intid] != owner)
        return Errno::kExist;
    cpu.private_irqs.owner[intid] = owner;
    return kOk;
}

Status map_hw(CpuInterface& cpu, unsigned intid, unsigned host_intid) {
    if (!is_ppi(intid) || !is_ppi(host_intid))
        return Errno::kInval;
    IrqGuard guard(cpu.lock);
    cpu.private_irqs.host_intid[intid] = static_cast<u16>(host_intid);
    cpu.private_irqs.hw |= bit_of(intid);
    return kOk;
}

Status unmap_hw(CpuInterface& cpu, unsigned intid) {
    if (!is_ppi(intid))
        return Errno::kInval;
    IrqGuard guard(cpu.lock);
    cpu.private_irqs.hw &= ~bit_of(intid);
    return kOk;
}

bool hw_active(CpuInterface& cpu, unsigned intid) {
    IrqGuard guard(cpu.lock);
    return is_ppi(intid) && (cpu.private_irqs.hw & cpu.private_irqs.active & bit_of(intid));
}

bool all_quiet(CpuInterface& cpu, u32 which) {
    IrqGuard guard(cpu.lock);
    return !((cpu.private_irqs.line | cpu.private_irqs.latch | cpu.private_irqs.active) & which);
}

void reset_hw(CpuInterface& cpu, unsigned intid) {
    if (!is_ppi(intid))
        return;
    const u32 bit = bit_of(intid);
    IrqGuard guard(cpu.lock);
    if (!(cpu.private_irqs.hw & bit))
        return;
    cpu.private_irqs.active &= ~bit;
    cpu.private_irqs.latch &= ~bit;
    cpu.private_irqs.line &= ~bit;
    cpu.refresh();
}

}  // namespace nest::vgic
