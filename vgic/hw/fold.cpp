// SPDX-License-Identifier: GPL-2.0-only
#include <vgic/hw/fold.hpp>

namespace nest::vgic {

using arch::ListRegister;

// For a level that has a physical interrupt behind it (a timer's): asks the timer.
bool Fold::resample(Bank& bank, unsigned intid) {
    const u32 bit = bit_of(intid);
    const bool level = distributor_.callbacks().irq_line_level(cpu_.index, intid);
    bank.line = level ? bank.line | bit : bank.line & ~bit;
    return level;
}

void Fold::deactivate_physical(unsigned intid) {
    distributor_.callbacks().set_physical_active(cpu_.index, cpu_.private_irqs.host_intid[intid % 32], false);
}

void Fold::ended(const Bank& bank, unsigned intid) {
    const u32 bit = bit_of(intid);
    if (!is_private(intid) && !(bank.edge & bit))
        ended_[ended_count_++] = static_cast<u16>(intid);
}

void Fold::take_back(ListRegister before, ListRegister now) {
    const unsigned intid = static_cast<unsigned>(before.get<ListRegister::vINTID>());
    cpu_.lock.assert_held();
    lock_of(intid).assert_held();
    const u32 bit = bit_of(intid);
    Bank& bank = bank_of(intid);
    u64 state = now.get<ListRegister::State>();
    if (bank.deactivated & bit) [[unlikely]] {
        bank.deactivated &= ~bit;
        state &= ~arch::kLrActive;
    }
    const bool pending = state & arch::kLrPending;
    const bool done = state == arch::kLrInvalid && before.get<ListRegister::State>() != arch::kLrInvalid;

    bank.active = state & arch::kLrActive ? bank.active | bit : bank.active & ~bit;
    // The guest has not acknowledged the interrupt: it is pending again by its latch, if load_one() took that for it.
    if (pending)
        bank.latch |= bit & bank.lr_latch;
    bank.lr_latch &= ~bit;
    bank.on_lr &= ~bit;
    // If the line has fallen, deactivate the physical interrupt, so that the physical GIC reports the next rise.
    if ((bank.hw_level() & bit) && (pending || (done && bank.line & bit)) && !resample(bank, intid))
        deactivate_physical(intid);
    if (done)
        ended(bank, intid);
    if (is_private(intid))
        return;
    if (bank.relevant() & bit)
        touched(intid);
    else
        distributor_.let_go(cpu_, bank_index(intid), intid % 32);
}

void Fold::deactivate_one(unsigned intid, bool done_by_hardware) {
    lock_of(intid).assert_held();
    const u32 bit = bit_of(intid);
    Bank& bank = bank_of(intid);
    bank.active &= ~bit;
    // What hardware does by itself for an interrupt in a list register. Never twice: some GICs lose interrupts over that.
    if (bank.hw & bit && !done_by_hardware)
        deactivate_physical(intid);
    if (bank.hw_level() & bank.line & bit)
        (void)resample(bank, intid);
    ended(bank, intid);
    if (!is_private(intid))
        touched(intid);
}

void Fold::deactivate_spi(unsigned intid) {
    distributor_.shared_lock().assert_held();
    SpiBank& bank = distributor_.spi_bank(intid / 32 - 1);
    const u32 bit = bit_of(intid);
    if (bank.on_lr & bit) {
        bank.deactivated |= bit;
        touched(intid);
    } else if (bank.active & bit) {
        deactivate_one(intid);
    }
}

void Fold::deactivate_outside(unsigned eoi_count, bool spis) {
    for (; eoi_count; eoi_count--) {
        u32 best = ~u32{0};
        const auto consider = [&](const Bank& bank, u32 which, unsigned first) {
            for_each_bit(bank.active & ~bank.on_lr & which, [&](unsigned n) {
                const u32 key = u32{bank.priority[n]} << 10 | (first + n);
                best = key < best ? key : best;
            });
        };
        consider(cpu_.private_irqs, ~u32{0}, 0);
        if (spis)
            cpu_.for_each_held_spi([&](unsigned b, u32 held) { consider(distributor_.spi_bank(b), held, first_intid(b)); });
        if (best == ~u32{0})
            return;
        deactivate_one(best & 1023);
    }
}

}  // namespace nest::vgic
