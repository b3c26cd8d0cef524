// SPDX-License-Identifier: GPL-2.0-only
#include <vgic/nested/left_group.hpp>

#include <vgic/hw/icc.hpp>
#include <vgic/hw/list_registers.hpp>
#include <vgic/priorities.hpp>

namespace nest::vgic {
namespace {

using arch::ICH_VMCR_EL2;
using arch::SysReg;

constexpr unsigned kSpurious = 1023;

// The highest pending interrupt, if its group is `group`.
HighestPending highest_of(CpuInterface& l1, unsigned group) {
    const HighestPending highest = signalled_over_running(l1);
    return highest.signal == (group ? Signal::kIrq : Signal::kFiq) ? highest : HighestPending{};
}

// The pending state ends and the active one begins, as when a list register is acknowledged: see load_one() for levels with a
// physical interrupt. Locks of the bank held.
void activate(Bank& bank, u32 bit, bool lpi) {
    bank.latch &= ~bit;
    if (bank.hw_level() & bit)
        bank.line &= ~bit;
    if (!lpi)
        bank.active |= bit;
}

// Another vCPU or the VMM may have changed the interrupt since it was found to be the highest. False: it is not pending any more.
bool still_pending(const Bank& bank, u32 bit) { return bank.enabled & bank.pending() & ~bank.active & bit; }

bool try_acknowledge(CpuInterface& l1, unsigned intid, u32& priority) {
    Distributor& distributor = *l1.distributor;
    const u32 bit = bit_of(intid);
    if (is_private(intid)) {
        IrqGuard guard(l1.lock);
        priority = l1.private_irqs.priority[intid];
        const bool pending = still_pending(l1.private_irqs, bit);
        if (pending)
            activate(l1.private_irqs, bit, false);
        l1.refresh();
        return pending;
    }
    Kicks kicks(l1.index);
    {
        IrqGuard guard(distributor.shared_lock());
        const unsigned b = bank_index(intid);
        SharedBank& bank = distributor.shared_bank(b);
        if (!still_pending(bank, bit) || bank.holder[intid % 32] != l1.index)
            return false;
        priority = bank.priority[intid % 32];
        activate(bank, bit, is_lpi(intid));
        distributor.update_shared(b, intid % 32, kicks);
    }
    kicks.deliver(distributor);
    return true;
}

// [IHI0069] 12.2.14 ICC_IAR0_EL1
u64 acknowledge(CpuInterface& l1, unsigned group) {
    for (;;) {
        const HighestPending highest = highest_of(l1, group);
        if (highest.signal == Signal::kNone)
            return kSpurious;
        u32 priority;
        if (!try_acknowledge(l1, highest.intid, priority))
            continue;
        set_active_priority(l1, group, priority);
        return highest.intid;
    }
}

// [IHI0069] 12.2.9 ICC_EOIR0_EL1
void end(CpuInterface& l1, unsigned group, unsigned intid) {
    if (is_special(intid) || !drop_priority(l1, group))
        return;
    if (!(l1.hw.vmcr & ICH_VMCR_EL2::VEOIM::kMask))
        deactivate(l1, intid);
}

bool is_active_priorities(SysReg reg, unsigned group) {
    return group ? reg >= SysReg::ICC_AP1R0_EL1 && reg <= SysReg::ICC_AP1R3_EL1
                 : reg >= SysReg::ICC_AP0R0_EL1 && reg <= SysReg::ICC_AP0R3_EL1;
}
bool is_kept(SysReg reg, unsigned group) {
    return reg == (group ? SysReg::ICC_BPR1_EL1 : SysReg::ICC_BPR0_EL1) ||
           reg == (group ? SysReg::ICC_IGRPEN1_EL1 : SysReg::ICC_IGRPEN0_EL1) || is_active_priorities(reg, group);
}

}  // namespace

bool left_group_read(CpuInterface& l1, unsigned group, SysReg reg, u64& value) {
    if (reg == (group ? SysReg::ICC_IAR1_EL1 : SysReg::ICC_IAR0_EL1)) {
        value = acknowledge(l1, group);
        return true;
    }
    if (reg == (group ? SysReg::ICC_HPPIR1_EL1 : SysReg::ICC_HPPIR0_EL1)) {
        const HighestPending highest = highest_of(l1, group);
        value = highest.signal == Signal::kNone ? kSpurious : highest.intid;
        return true;
    }
    if (!is_kept(reg, group))
        return false;
    const Result<u64> kept = user_get_register(l1, reg);
    value = kept.value_or(0);
    return kept.ok();
}

bool left_group_write(CpuInterface& l1, unsigned group, SysReg reg, u64 value) {
    if (reg == (group ? SysReg::ICC_EOIR1_EL1 : SysReg::ICC_EOIR0_EL1)) {
        end(l1, group, static_cast<unsigned>(value & 0xffffff));
        return true;
    }
    if (reg == SysReg::ICC_BPR0_EL1 || reg == SysReg::ICC_BPR1_EL1) {
        const u64 least = group ? priority_shift(l1) : priority_shift(l1) - 1, asked = value & 7;
        value = asked < least ? least : asked;
    }
    return is_kept(reg, group) && user_set_register(l1, reg, value).ok();
}

}  // namespace nest::vgic
