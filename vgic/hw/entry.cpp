// SPDX-License-Identifier: GPL-2.0-only
#include <vgic/hw/entry.hpp>

namespace nest::vgic {

void init_cpu(arch::Cpu& cpu, const HostGic& gic) {
    for (unsigned i = 0; i < gic.list_registers(); i++)
        detail::write_list_register(cpu, i, 0);
    cpu.write(arch::ICH_HCR_EL2{});
    cpu.isb();
}

void load(arch::Cpu& cpu, CpuInterface& state) {
    const HostGic& gic = state.distributor->gic();
    detail::trap_sre(cpu, gic);
    cpu.write(arch::ICH_VMCR_EL2::of(state.hw.vmcr));
    state.hw.vmcr_dirty = false;
    detail::for_each_active_priorities(gic.active_priority_registers(), [&]<typename R>(R, unsigned group, unsigned n) {
        cpu.write(R::of(group ? state.hw.ap1r[n] : state.hw.ap0r[n]));
    });
}

void save_active_priorities(arch::Cpu& cpu, CpuInterface& state) {
    detail::for_each_active_priorities(
        state.distributor->gic().active_priority_registers(), [&]<typename R>(R, unsigned group, unsigned n) {
            (group ? state.hw.ap1r : state.hw.ap0r)[n] = static_cast<u32>(cpu.read<R>().raw);
        });
}

}  // namespace nest::vgic
