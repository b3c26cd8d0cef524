// SPDX-License-Identifier: GPL-2.0-only
#include <vgic/distributor.hpp>
#include <vgic/hw/fold.hpp>
#include <vgic/hw/list_registers.hpp>

namespace nest::vgic {
namespace {

using arch::ICH_HCR_EL2;
using arch::ICH_VMCR_EL2;
using arch::ListRegister;

// The order in which interrupts get list registers: the smaller the key, the sooner. Deliverable interrupts come before active
// ones, so that a guest that has dropped its priority always sees the next one; interrupts of a disabled group come last.
constexpr u32 kKeyGroupOff = u32{1} << 26;
constexpr u32 kKeyActive = u32{1} << 25;
constexpr unsigned kKeyPriority = 17;
constexpr u32 kKeySoftware = u32{1} << 16;
constexpr u32 kKeyIntid = 0xffff;

// The best `capacity` of the candidates, sorted.
class Selection {
public:
    Selection(unsigned capacity, u64 vmcr, bool forward) : capacity_(capacity), vmcr_(vmcr), forward_(forward) {}

    [[gnu::always_inline]] void consider(const Bank& bank, u32 which, unsigned first_intid) {
        const u32 pending = forward_ ? bank.enabled & bank.pending() : 0;
        for_each_bit((pending | bank.active) & which, [&](unsigned n) {
            const u32 bit = u32{1} << n;
            const bool active = bank.active & bit;
            const u64 group_on = bank.group & bit ? ICH_VMCR_EL2::VENG1::kMask : ICH_VMCR_EL2::VENG0::kMask;
            insert((vmcr_ & group_on ? 0 : kKeyGroupOff) | (active ? kKeyActive : 0) | u32{bank.priority[n]} << kKeyPriority |
                   (bank.hw & bit ? 0 : kKeySoftware) | (first_intid + n));
            (!active ? pending_ : is_lpi(first_intid) ? active_lpis_ : active_)++;
        });
    }

    unsigned count() const { return count_; }
    unsigned intid(unsigned i) const { return keys_[i] & kKeyIntid; }
    // Every candidate was chosen: nothing lacks a list register, and nobody need count.
    bool has_all() const { return pending_ + active_ + active_lpis_ == count_; }
    bool lacks_pending() const { return pending_ > chosen_pending(); }
    unsigned chosen_pending() const { return count_if([](u32 key) { return !(key & kKeyActive); }); }
    // Of those that somebody will deactivate: an LPI has no active state to wait for.
    bool lacks_active() const {
        return active_ > count_if([](u32 key) { return key & kKeyActive && !is_lpi(key & kKeyIntid); });
    }
    bool lacks_active_lpis() const {
        return active_lpis_ > count_if([](u32 key) { return key & kKeyActive && is_lpi(key & kKeyIntid); });
    }

private:
    template <typename F>
    unsigned count_if(F&& f) const {
        unsigned n = 0;
        for (unsigned i = 0; i < count_; i++)
            n += f(keys_[i]);
        return n;
    }
    void insert(u32 key) {
        if (count_ == capacity_) {
            if (key > keys_[count_ - 1])
                return;
            count_--;
        }
        unsigned at = count_++;
        for (; at && keys_[at - 1] > key; at--)
            keys_[at] = keys_[at - 1];
        keys_[at] = key;
    }

    u32 keys_[kMaxListRegisters];
    unsigned count_ = 0, pending_ = 0, active_ = 0, active_lpis_ = 0;
    unsigned capacity_;
    u64 vmcr_;
    bool forward_;
};

// The list register for one interrupt, and the state that moves into it.
u64 load_one(Bank& bank, unsigned n, unsigned intid, u16 host_intid, bool forward) {
    const u32 bit = u32{1} << n;
    const bool active = bank.active & bit, edge = bank.edge & bit;
    auto lr = ListRegister{}
                  .with<ListRegister::vINTID>(intid)
                  .with<ListRegister::Priority>(bank.priority[n])
                  .with<ListRegister::Group>((bank.group & bit) != 0);
    // Neither a level nor an interrupt with a physical one behind it becomes pending and active at once: a level is sampled
    // again when its handling ends, and of the other the physical GIC keeps the state.
    bool pending = forward && bank.enabled & bank.pending() & bit && !(active && (!edge || bank.hw & bit));
    if (bank.hw & bit)
        lr = lr.with<ListRegister::HW>(1).with<ListRegister::pINTID>(host_intid);
    else if (!edge)
        lr = lr.with<ListRegister::EOI>(1);
    lr = lr.with<ListRegister::State>((active ? arch::kLrActive : 0) | (pending ? arch::kLrPending : 0));

    bank.lr_latch &= ~bit;
    if (pending) {
        bank.lr_latch |= bank.latch & bit;
        bank.latch &= ~bit;
        // Of a mapped level only rises reach us: the line counts as low from here on, so that the next rise is a change.
        if (bank.hw_level() & bit)
            bank.line &= ~bit;
    }
    bank.on_lr |= bit;
    return lr.raw;
}

u64 compute_hcr(CpuInterface& cpu, const Selection& chosen, unsigned own_spis) {
    auto hcr = ICH_HCR_EL2{}.with<ICH_HCR_EL2::En>(1);
    const bool lacks_active = !chosen.has_all() && chosen.lacks_active();
    // An active LPI outside is about to be forgotten (forget_active_lpis()), and may be pending as well.
    const bool lacks_pending = !chosen.has_all() && (chosen.lacks_pending() || chosen.lacks_active_lpis());
    if (lacks_active || lacks_pending) {
        // Maintenance interrupts end the guest's time when the list registers run dry; when an interrupt outside of them is
        // deactivated; and when a group is enabled or disabled, as that changes the order. "No pending" must not hold at the
        // entry already, or the guest would never run.
        hcr = hcr.with<ICH_HCR_EL2::UIE>(chosen.count() > 1)
                  .with<ICH_HCR_EL2::NPIE>(lacks_pending && chosen.chosen_pending())
                  .with<ICH_HCR_EL2::LRENPIE>(lacks_active);
        const bool g0 = cpu.hw.vmcr & ICH_VMCR_EL2::VENG0::kMask, g1 = cpu.hw.vmcr & ICH_VMCR_EL2::VENG1::kMask;
        hcr = hcr.with<ICH_HCR_EL2::VGrp0DIE>(g0).with<ICH_HCR_EL2::VGrp0EIE>(!g0);
        hcr = hcr.with<ICH_HCR_EL2::VGrp1DIE>(g1).with<ICH_HCR_EL2::VGrp1EIE>(!g1);
    }
    return hcr.raw | choose_dir_trap(cpu, own_spis, lacks_active);
}

// An LPI that the guest handles and that has found no list register is done: it has no active state, and nobody will say so.
// Both locks held.
void forget_active_lpis(CpuInterface& cpu, Distributor& distributor) {
    cpu.for_each_held_lpi([&](unsigned b, u32 held) {
        SharedBank& bank = distributor.shared_bank(b);
        const u32 outside = held & bank.active & ~bank.on_lr;
        bank.active &= ~outside;
        for_each_bit(outside & ~bank.relevant(), [&](unsigned n) { distributor.let_go(cpu, b, n); });
    });
    cpu.refresh();
}

}  // namespace

void fill_list_registers(CpuInterface& cpu) {
    Distributor& distributor = *cpu.distributor;
    const bool forward = distributor.enabled();
    // A vCPU that holds no SPI or LPI does not take the VM-wide lock. One that it is given after this look comes with a kick.
    const bool shared = cpu.held_count.load_relaxed() != 0;
    if (shared)
        distributor.shared_lock().lock();
    cpu.lock.lock();

    NEST_UNINITIALIZED Selection chosen(distributor.gic().list_registers(), cpu.hw.vmcr, forward);
    chosen.consider(cpu.private_irqs, ~u32{0}, 0);
    if (shared)
        cpu.for_each_held([&](unsigned b, u32 held) { chosen.consider(distributor.shared_bank(b), held, first_intid(b)); });
    unsigned own_spis = 0, own_shared = 0;
    for (unsigned i = 0; i < chosen.count(); i++) {
        const unsigned intid = chosen.intid(i), n = intid % 32;
        own_spis += is_spi(intid);
        own_shared += !is_private(intid);
        Bank& bank = is_private(intid) ? static_cast<Bank&>(cpu.private_irqs) : distributor.shared_bank(bank_index(intid));
        cpu.hw.lr[i] = load_one(bank, n, intid, is_private(intid) ? cpu.private_irqs.host_intid[n] : 0, forward);
    }
    cpu.hw.used = static_cast<u8>(chosen.count());
    cpu.hw.hcr = compute_hcr(cpu, chosen, own_spis);
    cpu.lr_has_shared = own_shared != 0;
    cpu.lr_lacks_active = !chosen.has_all() && chosen.lacks_active();
    if (!chosen.has_all() && chosen.lacks_active_lpis()) [[unlikely]]
        forget_active_lpis(cpu, distributor);

    cpu.lock.unlock();
    if (shared)
        distributor.shared_lock().unlock();
}

void fold_list_registers(CpuInterface& cpu, const u64 (&now)[kMaxListRegisters], unsigned eoi_count) {
    Distributor& distributor = *cpu.distributor;
    const bool shared = cpu.lr_has_shared || cpu.lr_lacks_active;
    NEST_UNINITIALIZED Fold fold(cpu, distributor);
    if (shared)
        distributor.shared_lock().lock();
    cpu.lock.lock();
    // Interrupts outside of the list registers come first: they are known by on_lr, which take_back() clears.
    if (cpu.lr_lacks_active)
        fold.deactivate_outside(eoi_count, shared);
    for (unsigned i = 0; i < cpu.hw.used; i++)
        fold.take_back(ListRegister::of(cpu.hw.lr[i]), ListRegister::of(now[i]));
    cpu.hw.used = 0;
    cpu.lr_has_shared = cpu.lr_lacks_active = false;
    cpu.refresh();
    cpu.lock.unlock();
    if (shared) {
        fold.requeue_shared();
        distributor.shared_lock().unlock();
    }
    fold.finish();
}

bool fold_ended_list_registers(CpuInterface& cpu) {
    if (cpu.lr_has_shared || cpu.lr_lacks_active || !cpu.lock.try_lock_in_tier0())
        return false;
    u32 which = 0;
    for (unsigned i = 0; i < cpu.hw.used; i++)
        which |= bit_of(static_cast<unsigned>(ListRegister::of(cpu.hw.lr[i]).get<ListRegister::vINTID>()));
    const bool may = !(which & cpu.private_irqs.hw_level());
    if (may) {
        NEST_UNINITIALIZED Fold fold(cpu, *cpu.distributor);
        for (unsigned i = 0; i < cpu.hw.used; i++)
            fold.take_back(ListRegister::of(cpu.hw.lr[i]), ListRegister{});
        cpu.hw.used = 0;
        cpu.refresh();
    }
    cpu.lock.unlock_in_tier0();
    return may;
}

}  // namespace nest::vgic
