// SPDX-License-Identifier: GPL-2.0-only
#include <vgic/distributor.hpp>

namespace nest::vgic {
namespace {

using arch::ICH_VMCR_EL2;

bool any_taken(const Bank& bank, u32 which, u64 vmcr) {
    u32 groups = 0;
    if (vmcr & ICH_VMCR_EL2::VENG1::kMask)
        groups |= bank.group;
    if (vmcr & ICH_VMCR_EL2::VENG0::kMask)
        groups |= ~bank.group;
    const u64 mask = ICH_VMCR_EL2::of(vmcr).get<ICH_VMCR_EL2::VPMR>();
    bool any = false;
    for_each_bit(bank.enabled & bank.pending() & ~bank.active & groups & which,
                 [&](unsigned n) { any |= bank.priority[n] < mask; });
    return any;
}

}  // namespace

bool has_pending(CpuInterface& cpu) {
    Distributor* distributor = cpu.distributor;
    if (!distributor || !cpu.work.load_relaxed() || !distributor->enabled())
        return false;
    // The SPI lock is the outer one, so it is taken before anything is known for sure.
    if (cpu.held_count.load_relaxed()) {
        IrqGuard outer(distributor->spi_lock());
        Guard guard(cpu.lock);
        bool any = any_taken(cpu.own, ~u32{0}, cpu.hw.vmcr);
        for_each_bit(cpu.held_banks,
                     [&](unsigned b) { any |= any_taken(distributor->spi_bank(b), cpu.held[b], cpu.hw.vmcr); });
        return any;
    }
    IrqGuard guard(cpu.lock);
    return any_taken(cpu.own, ~u32{0}, cpu.hw.vmcr);
}

}  // namespace nest::vgic
