// SPDX-License-Identifier: GPL-2.0-only
// Which vCPU holds an SPI or an LPI.
#include <vgic/distributor.hpp>

namespace nest::vgic {

// The rule: an active interrupt stays with the vCPU that acknowledged it; a pending, enabled one goes to its target; nobody
// holds any other. An LPI goes to a redistributor only while that takes LPIs, and nowhere without a user.
inline u16 Distributor::wanted_holder(unsigned bank, unsigned n) const {
    const SharedBank& b = shared_bank(bank);
    const u32 bit = u32{1} << n;
    const u16 target = b.target[n];
    if (is_lpi_bank(bank)) {
        const bool taken = target != kNobody && cpu(target).lpis_enabled.load_relaxed() && static_cast<const LpiBank&>(b).mapped & bit;
        if (!taken)
            return kNobody;
    }
    if (b.active & bit) {
        if (b.holder[n] != kNobody)
            return b.holder[n];
        // A write has made the SPI active, and its route names no vCPU: some vCPU must be able to deactivate it.
        return target == kNobody && cpu_count() ? u16{0} : target;
    }
    return b.relevant() & bit ? target : kNobody;
}

void Distributor::update_shared(unsigned bank, unsigned n, Kicks& kicks) {
    shared_lock_.assert_held();
    SharedBank& shared = shared_bank(bank);
    const u32 bit = u32{1} << n;
    const u16 holder = shared.holder[n];
    const bool lpi = is_lpi_bank(bank);
    if (shared.on_lr & bit) {
        // The interrupt is in a list register of its holder, whose sync() comes here again.
        kicks.add(holder);
        return;
    }
    // LPIs have no active state: the bit only says that the holder's guest handles the LPI. It does not outlive that, or the next
    // vCPU would get the LPI as active, never deactivate what it did not acknowledge, and see no message of that LPI any more.
    if (lpi && (holder == kNobody || holder != shared.target[n] || !cpu(holder).lpis_enabled.load_relaxed()))
        shared.active &= ~bit;
    const u16 wanted = wanted_holder(bank, n);
    if (holder == wanted) {
        if (wanted != kNobody)
            kicks.add(wanted);
        return;
    }
    if (holder != kNobody) {
        CpuInterface& from = cpu(holder);
        Guard guard(from.lock);
        let_go(from, bank, n);
        from.refresh();
    }
    if (wanted == kNobody)
        return;
    shared.holder[n] = wanted;
    {
        CpuInterface& to = cpu(wanted);
        Guard guard(to.lock);
        to.hold(bank, bit);
        if (!lpi)
            held_spis_.fetch_add_relaxed(1);
    }
    kicks.add(wanted);
    if (!lpi)
        told_of_new_spi(wanted, kicks);
}

// With EOImode 1 any vCPU may deactivate the SPI by ICC_DIR_EL1: vCPUs that do not trap that yet must flush again.
void Distributor::told_of_new_spi(unsigned holder, Kicks& kicks) {
    if (split_eoi_cpus_.load_relaxed() == 0) [[likely]]
        return;
    memory_barrier();  // pairs with choose_dir_trap(), which has the scenario
    for (unsigned i = 0; i < cpu_count(); i++)
        if (i != holder && cpus_[i]->split_eoi.load_relaxed() && !cpus_[i]->dir_trapped.load_relaxed())
            kicks.add(i);
}

void Distributor::note_split_eoi(CpuInterface& cpu, bool split) {
    cpu.split_eoi.store_relaxed(split);
    split_eoi_cpus_.fetch_add_relaxed(split ? 1u : -1u);
}

}  // namespace nest::vgic
