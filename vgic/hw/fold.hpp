// SPDX-License-Identifier: GPL-2.0-only
// Fold: one sync's worth of changes, and what remains to be done once the locks are dropped.
#pragma once
#include <vgic/distributor.hpp>

namespace nest::vgic {

class Fold {
public:
    Fold(CpuInterface& cpu, Distributor& distributor) : cpu_(cpu), distributor_(distributor), kicks_(cpu.index) {}

    // The vCPU's lock held, and the shared one if the interrupt is an SPI or LPI.
    void take_back(arch::ListRegister before, arch::ListRegister now);
    // Deactivates `eoi_count` active interrupts without a list register. With EOImode 0, EOIs come in the order of priority,
    // so they are the ones of the highest priority. LPIs are not among them: EOIcount does not count theirs (ICH_HCR_EL2 in
    // [IHI0069]). Locks as for take_back(), the shared lock if `spis`.
    void deactivate_outside(unsigned eoi_count, bool spis);
    // Deactivates an interrupt that is active and in no list register. The lock of its bank held.
    void deactivate_one(unsigned intid) { deactivate_one(intid, false); }
    // The same when hardware has already deactivated the physical interrupt behind it.
    void note_deactivation(unsigned intid) { deactivate_one(intid, true); }
    // Deactivates an SPI in any state. If it is in a vCPU's list register, that vCPU is kicked, and its sync deactivates the
    // SPI. The SPI lock held.
    void deactivate_spi(unsigned intid);
    // Distributor::update_shared() for all SPIs and LPIs that have changed. The shared lock held, the vCPU's not.
    void requeue_shared() {
        for (unsigned i = 0; i < touched_count_; i++)
            distributor_.update_shared(bank_index(touched_[i]), touched_[i] % 32, kicks_);
    }
    // Kicks and notifies; no lock held. The vCPU itself is not kicked: it is out of the guest, and will flush before it enters.
    void finish() {
        kicks_.deliver(distributor_);
        for (unsigned i = 0; i < ended_count_; i++)
            distributor_.callbacks().eoi(ended_[i]);
    }

private:
    Bank& bank_of(unsigned intid) {
        return is_private(intid) ? static_cast<Bank&>(cpu_.private_irqs) : distributor_.shared_bank(bank_index(intid));
    }
    const RawSpinLock& lock_of(unsigned intid) const {
        return is_private(intid) ? static_cast<const RawSpinLock&>(cpu_.lock) : distributor_.shared_lock();
    }
    void deactivate_one(unsigned intid, bool done_by_hardware);
    bool resample(Bank& bank, unsigned intid);
    void deactivate_physical(unsigned intid);
    void touched(unsigned intid) { touched_[touched_count_++] = static_cast<u16>(intid); }
    void ended(const Bank& bank, unsigned intid);

    static constexpr unsigned kMost = kMaxListRegisters + 32;  // EOIcount has five bits
    CpuInterface& cpu_;
    Distributor& distributor_;
    Kicks kicks_;
    u16 touched_[kMost];
    u16 ended_[kMost];
    unsigned touched_count_ = 0, ended_count_ = 0;
};

}  // namespace nest::vgic
