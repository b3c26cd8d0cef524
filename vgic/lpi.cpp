// SPDX-License-Identifier: GPL-2.0-only
#include <vgic/lpi.hpp>

namespace nest::vgic {
namespace {

constexpr u8 kPropertyEnable = 1, kPropertyPriority = 0xfc;

bool valid_lpi(unsigned intid) { return is_lpi(intid) && intid < 1u << kLpiIdBits; }

// Changes an LPI that has users, by `change` (its bank, its bit), under the lock; then its holder. False: it has none.
template <typename F>
bool change_lpi(Distributor& distributor, unsigned intid, Kicks& kicks, F&& change) {
    if (!valid_lpi(intid))
        return false;
    const unsigned bank = bank_index(intid), n = intid % 32;
    IrqGuard guard(distributor.shared_lock());
    LpiBank* const lpis = distributor.lpi_bank(bank);
    if (!lpis || !(lpis->mapped >> n & 1))
        return false;
    if (!change(*lpis, u32{1} << n))
        return false;
    distributor.update_shared(bank, n, kicks);
    return true;
}

template <typename F>
void change_lpi_and_kick(Distributor& distributor, unsigned intid, F&& change) {
    NEST_UNINITIALIZED Kicks kicks;
    (void)change_lpi(distributor, intid, kicks, [&](LpiBank& lpis, u32 bit) {
        change(lpis, bit);
        return true;
    });
    kicks.deliver(distributor);
}

Owned<LpiBank> make_bank() {
    Owned<LpiBank> made(make<LpiBank>());
    if (!made)
        return made;
    made->edge = ~u32{0};
    for (unsigned n = 0; n < 32; n++)
        made->target[n] = made->holder[n] = kNobody;
    return made;
}

// The latch, and what of it is in a list register: that vCPU takes nothing back.
void forget_pending(LpiBank& lpis, u32 bit) {
    lpis.latch &= ~bit;
    lpis.lr_latch &= ~bit;
}

// What is in a list register comes back with its holder's sync, and is then nobody's.
void forget(LpiBank& lpis, u32 bit) {
    lpis.active &= ~bit | lpis.on_lr;
    forget_pending(lpis, bit);
}

}  // namespace

Status map_lpi(Distributor& distributor, unsigned intid) {
    if (!valid_lpi(intid) || intid >= lpi_intid_limit(distributor))
        return Errno::kInval;
    if (!distributor.initialized())
        return Errno::kBusy;
    const unsigned bank = bank_index(intid), n = intid % 32;
    bool there;
    {
        IrqGuard guard(distributor.shared_lock());
        there = distributor.lpi_bank(bank) != nullptr;
    }
    Owned<LpiBank> made;
    if (!there && !(made = make_bank()))
        return Errno::kNoMem;
    IrqGuard guard(distributor.shared_lock());
    if (made)
        distributor.add_lpi_bank(bank, made);
    LpiBank& lpis = *distributor.lpi_bank(bank);
    if (lpis.users[n] == ~u32{0})
        return Errno::kNoMem;
    if (lpis.users[n]++ == 0) {
        forget(lpis, u32{1} << n);
        lpis.mapped |= u32{1} << n;
        lpis.enabled &= ~(u32{1} << n);
        lpis.target[n] = kNobody;
    }
    return kOk;
}

void unmap_lpi(Distributor& distributor, unsigned intid) {
    change_lpi_and_kick(distributor, intid, [&](LpiBank& lpis, u32 bit) {
        if (--lpis.users[intid % 32])
            return;
        lpis.mapped &= ~bit;
        forget(lpis, bit);
    });
}

void set_lpi_target(Distributor& distributor, unsigned intid, unsigned vcpu_index) {
    NEST_BUG_ON(vcpu_index != kNobody && vcpu_index >= distributor.cpu_count());
    change_lpi_and_kick(distributor, intid, [&](LpiBank& lpis, u32) { lpis.target[intid % 32] = static_cast<u16>(vcpu_index); });
}

void set_lpi_property(Distributor& distributor, unsigned intid, u8 property) {
    change_lpi_and_kick(distributor, intid, [&](LpiBank& lpis, u32 bit) {
        lpis.enabled = property & kPropertyEnable ? lpis.enabled | bit : lpis.enabled & ~bit;
        lpis.priority[intid % 32] = property & kPropertyPriority;
    });
}

void update_lpi(Distributor& distributor, unsigned intid) {
    change_lpi_and_kick(distributor, intid, [](LpiBank&, u32) {});
}

bool pend_lpi(Distributor& distributor, unsigned intid, Kicks& kicks) {
    return change_lpi(distributor, intid, kicks, [&](LpiBank& lpis, u32 bit) {
        const u16 target = lpis.target[intid % 32];
        if (target == kNobody || !distributor.cpu(target).lpis_enabled.load_relaxed())
            return false;
        lpis.latch |= bit;
        return true;
    });
}

void clear_lpi(Distributor& distributor, unsigned intid) {
    change_lpi_and_kick(distributor, intid, [](LpiBank& lpis, u32 bit) { forget_pending(lpis, bit); });
}

bool lpi_pending(Distributor& distributor, unsigned intid) {
    Kicks none;
    bool pending = false;
    (void)change_lpi(distributor, intid, none, [&](LpiBank& lpis, u32 bit) {
        pending = (lpis.latch | lpis.lr_latch) & bit;
        return false;
    });
    return pending;
}

// A message that comes meanwhile either finds lpis_enabled clear, or was latched before this loop takes the lock for its bank.
void drop_pending_lpis(CpuInterface& cpu) {
    Distributor& distributor = *cpu.distributor;
    for (unsigned bank = kMaxSpiBanks; bank < kMaxSpiBanks + kLpiBanks; bank++) {
        Kicks kicks;
        {
            IrqGuard guard(distributor.shared_lock());
            LpiBank* const lpis = distributor.lpi_bank(bank);
            if (!lpis || cpu.lpis_enabled.load_relaxed())     // or set again by another vCPU
                continue;
            for_each_bit(lpis->mapped, [&](unsigned n) {
                if (lpis->target[n] != cpu.index && lpis->holder[n] != cpu.index)
                    return;
                forget_pending(*lpis, u32{1} << n);
                distributor.update_shared(bank, n, kicks);
            });
        }
        kicks.deliver(distributor);
    }
}

}  // namespace nest::vgic
