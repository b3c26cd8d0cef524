// SPDX-License-Identifier: GPL-2.0-only
// From the interrupts' state to list registers and back, in memory only: entry.hpp reads and writes hardware.
#pragma once
#include <vgic/distributor.hpp>

namespace nest::vgic {

// ICH_HCR_EL2's bits that trap ICC_DIR_EL1 in the coming run. `own_spis`: how many SPIs are in this vCPU's list registers;
// `outside`: an active interrupt is in no list register. With EOImode 1 a guest deactivates in any order and on any vCPU, and
// EOIcount does not count that. EOImode changes without an exit, so that DIR also traps while the last sync() saw EOImode 0;
// but not without ICH_VTR_EL2.TDS, where each access to the priority mask would be an exit as well.
inline u64 choose_dir_trap(CpuInterface& cpu, unsigned own_spis, bool outside) {
    const HostGic& gic = cpu.distributor->gic();
    bool trap = outside || (!cpu.split_eoi.load_relaxed() && gic.traps_dir_alone());
    if (!trap && cpu.split_eoi.load_relaxed()) {
        // Pairs with Distributor::update_shared(). Without the barriers: we read held_spis() as before, CPU B gives an SPI to
        // another vCPU and still reads dir_trapped as true, so that it does not kick us; then our guest writes DIR for that
        // SPI untrapped, hardware finds it in no list register of ours, and the SPI stays active for ever.
        cpu.dir_trapped.store_relaxed(false);
        memory_barrier();
        trap = cpu.distributor->held_spis() > own_spis;
    }
    cpu.dir_trapped.store_relaxed(trap);
    return trap ? gic.dir_trap() : 0;
}

// Fills cpu.hw.lr, .used and .hcr with what the vCPU must see, best first: deliverable before active, then priority.
// Interrupts off, no lock of the vGIC held.
void fill_list_registers(CpuInterface& cpu);

// Takes back the list registers that sync() read into `now` (cpu.hw.lr still holds what was written), and the EOIs of
// interrupts that had none. Kicks and notifies. Interrupts off, no lock held.
void fold_list_registers(CpuInterface& cpu, const u64 (&now)[kMaxListRegisters], unsigned eoi_count);

// fold_list_registers() for tier 0, when all list registers have become empty. False, with nothing done: there is an SPI among
// them, or the kernel has to be asked about a physical interrupt, or somebody has the lock.
[[nodiscard]] bool fold_ended_list_registers(CpuInterface& cpu);

// Deactivates one interrupt as ICC_DIR_EL1 would; nothing if it is not active. The vCPU is out of the guest and synced.
// May halt the VM: sleepable context.
void deactivate(CpuInterface& cpu, unsigned intid);

}  // namespace nest::vgic
