// SPDX-License-Identifier: GPL-2.0-only
// Registers with a bit per interrupt: a word of the bank is a word of the register.
#include <vgic/mmio/register_access.hpp>

namespace nest::vgic {
namespace {

// Runs `body` with the bank's lock held while none of `which` is in a list register of a vCPU in the guest: there, hardware
// has the interrupt's state, and the vCPU's sync() would overwrite what `body` writes. If one is, the VM is halted meanwhile.
template <typename F>
void with_settled(const Access& access, u32 which, F&& body) {
    {
        IrqGuard guard(access.lock());
        if (!(access.bank().on_lr & which)) [[likely]] {
            body();
            return;
        }
    }
    Callbacks& callbacks = access.distributor.callbacks();
    Guard config(access.distributor.config());
    callbacks.halt_all();
    {
        IrqGuard guard(access.lock());
        body();
    }
    callbacks.resume_all();
}

u32 sample_lines(const Access& access, u32 which) {
    u32 levels = 0;
    for_each_bit(which, [&](unsigned n) {
        if (access.distributor.callbacks().irq_line_level(access.redistributor->index, n))
            levels |= u32{1} << n;
    });
    return levels;
}

void set_physical(const Access& access, u32 which, bool active) {
    for_each_bit(which, [&](unsigned n) {
        CpuInterface& cpu = *access.redistributor;
        access.distributor.callbacks().set_physical_active(cpu.index, cpu.private_irqs.host_intid[n], active);
    });
}

// A guest that disabled an interrupt may have quietened its device (a timer) meanwhile, and nobody has told us of the level.
void refresh_mapped_lines(const Access& access, u32 which) {
    Bank& bank = access.bank();
    const u32 mapped = which & bank.hw_level();
    if (!mapped)
        return;
    const u32 levels = sample_lines(access, mapped);
    const u32 fallen = mapped & bank.line & ~levels & ~bank.active;
    bank.line = (bank.line & ~mapped) | levels;
    set_physical(access, fallen, false);
}

// Applies the write; returns what changed. The bank's lock held.
u32 apply(const Access& access, u32 value) {
    access.lock().assert_held();
    Bank& bank = access.bank();
    const u32 mapped = bank.hw;
    switch (access.what) {
    case What::Group: {
        const u32 changed = bank.group ^ value;
        bank.group = value;
        return changed;
    }
    case What::SetEnable:
        if (!access.user())
            refresh_mapped_lines(access, value);
        bank.enabled |= value;
        return value;
    case What::ClearEnable:
        bank.enabled &= ~value;
        return value;
    case What::SetPending:
        if (access.user()) {
            // The raw latches, all of them.
            const u32 changed = bank.latch ^ value;
            bank.latch = value;
            return changed;
        }
        bank.latch |= value;
        set_physical(access, value & mapped, true);
        return value;
    case What::ClearPending:
        if (access.user())
            return 0;
        bank.latch &= ~value;
        // An interrupt that was set pending and is cleared must not stay masked by its physical active state.
        set_physical(access, value & mapped & ~bank.active, false);
        return value;
    case What::SetActive:
    case What::ClearActive: {
        const bool on = access.what == What::SetActive;
        if (access.user())
            value &= ~mapped;  // a timer's interrupt: user space restores it with the timer's registers
        bank.active = on ? bank.active | value : bank.active & ~value;
        set_physical(access, value & mapped, on);
        return value;
    }
    default:
        return 0;
    }
}

}  // namespace

void changed(const Access& access, u32 which, Kicks& kicks) {
    access.lock().assert_held();
    if (!access.redistributor) {
        for_each_bit(which, [&](unsigned n) { access.distributor.update_shared(access.intid / 32 - 1, n, kicks); });
        return;
    }
    CpuInterface& cpu = *access.redistributor;
    cpu.refresh();
    if ((cpu.private_irqs.relevant() | cpu.private_irqs.on_lr) & which)
        kicks.add(cpu.index);
}

u32 read_bits(const Access& access) {
    Bank& bank = access.bank();
    switch (access.what) {
    case What::Group:
        return bank.group & access.existing();
    case What::SetEnable:
    case What::ClearEnable:
        return bank.enabled;
    default:
        break;
    }
    u32 value = 0;
    with_settled(access, ~u32{0}, [&] {
        if (access.what == What::SetActive || access.what == What::ClearActive) {
            value = bank.active;
        } else if (access.user()) {
            value = access.what == What::SetPending ? bank.latch : 0;
        } else {
            const u32 mapped = bank.hw_level();
            value = (bank.pending() & ~mapped) | (mapped ? sample_lines(access, mapped) : 0);
        }
    });
    return value;
}

void write_bits(const Access& access, u32 value) {
    Kicks kicks(access.accessor ? access.accessor->index : kNobody);
    value &= access.existing();
    // A write that only makes interrupts deliverable needs no halt: the kick makes the vCPU flush again.
    const bool takes = access.what == What::ClearEnable || access.what >= What::ClearPending;
    with_settled(access, takes ? value : 0, [&] { changed(access, apply(access, value), kicks); });
    kicks.deliver(access.distributor);
}

}  // namespace nest::vgic
