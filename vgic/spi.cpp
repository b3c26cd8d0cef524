// SPDX-License-Identifier: GPL-2.0-only
// Which vCPU holds an SPI.
#include <vgic/distributor.hpp>

namespace nest::vgic {

// The rule: an active SPI stays with the vCPU that acknowledged it; a pending, enabled SPI goes to its target; nobody holds any
// other SPI.
void Distributor::update_spi(unsigned bank, unsigned n, Kicks& kicks) {
    spi_lock_.assert_held();
    SpiBank& spis = banks_[bank];
    const u32 bit = u32{1} << n;
    const u16 holder = spis.holder[n];
    u16 wanted = kNobody;
    if (spis.active & bit) {
        wanted = holder != kNobody ? holder : spis.target[n];
        // A write has made the SPI active, and its route names no vCPU: some vCPU must be able to deactivate it.
        if (wanted == kNobody && cpu_count())
            wanted = 0;
    } else if (spis.relevant() & bit) {
        wanted = spis.target[n];
    }

    if (spis.on_lr & bit) {
        // The SPI is in a list register of its holder, whose sync() comes here again.
        kicks.add(holder);
        return;
    }
    if (holder == wanted) {
        if (wanted != kNobody)
            kicks.add(wanted);
        return;
    }
    if (holder != kNobody) {
        CpuInterface& from = cpu(holder);
        Guard guard(from.lock);
        from.release(bank, bit);
        held_spis_.fetch_add_relaxed(-1u);
    }
    spis.holder[n] = wanted;
    if (wanted == kNobody)
        return;
    {
        CpuInterface& to = cpu(wanted);
        Guard guard(to.lock);
        to.hold(bank, bit);
        held_spis_.fetch_add_relaxed(1);
    }
    kicks.add(wanted);

    // With EOImode 1 any vCPU may deactivate the SPI by ICC_DIR_EL1: vCPUs that do not trap that yet must flush again.
    if (split_eoi_cpus_.load_relaxed() == 0) [[likely]]
        return;
    memory_barrier();  // pairs with choose_dir_trap(), which has the scenario
    for (unsigned i = 0; i < cpu_count(); i++)
        if (i != wanted && cpus_[i]->split_eoi.load_relaxed() && !cpus_[i]->dir_trapped.load_relaxed())
            kicks.add(i);
}

void Distributor::note_split_eoi(CpuInterface& cpu, bool split) {
    cpu.split_eoi.store_relaxed(split);
    split_eoi_cpus_.fetch_add_relaxed(split ? 1u : -1u);
}

}  // namespace nest::vgic
