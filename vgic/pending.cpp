// SPDX-License-Identifier: GPL-2.0-only
#include <vgic/priorities.hpp>

namespace nest::vgic {
namespace {

using arch::ICH_VMCR_EL2;

// Keys: the priority, the group and the INTID, so that the smallest key is the interrupt to signal. At equal priority any choice is
// right; this one takes group 0, and there the lowest INTID.
constexpr unsigned kPriorityBit = 17, kGroupBit = 16;
constexpr u32 kNothing = ~u32{0};

// What an interrupt must get over to be signalled. The running priority counts only where the active priorities are in memory.
struct MaskOnly {
    u64 vmcr;
    bool passes(u32, u32) const { return true; }
};
struct MaskAndRunning {
    u64 vmcr;
    u32 running;
    u32 preemption[2];      // preemption_mask() of each group
    bool passes(u32 priority, u32 group) const { return (priority & preemption[group]) < running; }
};

template <typename Bar>
void find_highest(const Bank& bank, u32 which, unsigned first_intid, const Bar& bar, u32& highest) {
    u32 groups = 0;
    if (bar.vmcr & ICH_VMCR_EL2::VENG1::kMask)
        groups |= bank.group;
    if (bar.vmcr & ICH_VMCR_EL2::VENG0::kMask)
        groups |= ~bank.group;
    const u64 mask = ICH_VMCR_EL2::of(bar.vmcr).template get<ICH_VMCR_EL2::VPMR>();
    for_each_bit(bank.enabled & bank.pending() & ~bank.active & groups & which, [&](unsigned n) {
        const u32 priority = bank.priority[n], group = bank.group >> n & 1;
        const u32 key = priority << kPriorityBit | group << kGroupBit | (first_intid + n);
        if (priority < mask && bar.passes(priority, group) && key < highest)
            highest = key;
    });
}

template <typename Bar>
u32 highest_pending(CpuInterface& cpu, const Bar& bar) {
    Distributor* distributor = cpu.distributor;
    u32 highest = kNothing;
    // The shared lock comes before cpu.lock, so that this look at held_count is without a lock. What comes after it kicks.
    if (cpu.held_count.load_relaxed()) {
        IrqGuard outer(distributor->shared_lock());
        Guard guard(cpu.lock);
        find_highest(cpu.private_irqs, ~u32{0}, 0, bar, highest);
        cpu.for_each_held([&](unsigned b, u32 held) {
            find_highest(distributor->shared_bank(b), held, first_intid(b), bar, highest);
        });
        return highest;
    }
    IrqGuard guard(cpu.lock);
    find_highest(cpu.private_irqs, ~u32{0}, 0, bar, highest);
    return highest;
}

Signal signal_of(u32 highest) {
    if (highest == kNothing)
        return Signal::kNone;
    return highest >> kGroupBit & 1 ? Signal::kIrq : Signal::kFiq;
}

bool idle(const CpuInterface& cpu) {
    return !cpu.distributor || !cpu.work.load_relaxed() || !cpu.distributor->enabled();
}

}  // namespace

Signal signalled(CpuInterface& cpu) {
    return idle(cpu) ? Signal::kNone : signal_of(highest_pending(cpu, MaskOnly{cpu.hw.vmcr}));
}

HighestPending signalled_over_running(CpuInterface& cpu) {
    if (idle(cpu))
        return {};
    const MaskAndRunning bar{cpu.hw.vmcr, running_priority(cpu), {preemption_mask(cpu, 0), preemption_mask(cpu, 1)}};
    const u32 highest = highest_pending(cpu, bar);
    return {signal_of(highest), highest & ((u32{1} << kGroupBit) - 1)};
}

}  // namespace nest::vgic
