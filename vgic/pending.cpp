// SPDX-License-Identifier: GPL-2.0-only
#include <vgic/distributor.hpp>

namespace nest::vgic {
namespace {

using arch::ICH_VMCR_EL2;

// Keys: the priority above the group's bit, so that the smallest key is the interrupt to signal. At equal priority any choice
// is right; this one takes group 0.
constexpr u32 kNothing = ~u32{0};

void find_highest(const Bank& bank, u32 which, u64 vmcr, u32& highest) {
    u32 groups = 0;
    if (vmcr & ICH_VMCR_EL2::VENG1::kMask)
        groups |= bank.group;
    if (vmcr & ICH_VMCR_EL2::VENG0::kMask)
        groups |= ~bank.group;
    const u64 mask = ICH_VMCR_EL2::of(vmcr).get<ICH_VMCR_EL2::VPMR>();
    for_each_bit(bank.enabled & bank.pending() & ~bank.active & groups & which, [&](unsigned n) {
        const u32 key = u32{bank.priority[n]} << 1 | (bank.group >> n & 1);
        if (bank.priority[n] < mask && key < highest)
            highest = key;
    });
}

Signal signal_of(u32 highest) {
    if (highest == kNothing)
        return Signal::kNone;
    return highest & 1 ? Signal::kIrq : Signal::kFiq;
}

}  // namespace

Signal signalled(CpuInterface& cpu) {
    Distributor* distributor = cpu.distributor;
    if (!distributor || !cpu.work.load_relaxed() || !distributor->enabled())
        return Signal::kNone;
    u32 highest = kNothing;
    // The shared lock comes before cpu.lock, so that this look at held_count is without a lock. What comes after it kicks.
    if (cpu.held_count.load_relaxed()) {
        IrqGuard outer(distributor->shared_lock());
        Guard guard(cpu.lock);
        find_highest(cpu.private_irqs, ~u32{0}, cpu.hw.vmcr, highest);
        cpu.for_each_held([&](unsigned b, u32 held) {
            find_highest(distributor->shared_bank(b), held, cpu.hw.vmcr, highest);
        });
        return signal_of(highest);
    }
    IrqGuard guard(cpu.lock);
    find_highest(cpu.private_irqs, ~u32{0}, cpu.hw.vmcr, highest);
    return signal_of(highest);
}

}  // namespace nest::vgic
