// SPDX-License-Identifier: GPL-2.0-only
#include <vgic/nested/nested.hpp>

namespace nest::vgic {

void load_nested(arch::Cpu& cpu, CpuInterface& l1, NestedInterface& nested, const vncr::RegisterFile& file) {
    const HostGic& gic = l1.distributor->gic();
    detail::trap_sre(cpu, gic);
    detail::write_l2_vmcr(cpu, file);
    detail::for_each_active_priorities(gic.active_priority_registers(), [&]<typename R>(R, unsigned, unsigned) {
        cpu.write(R::of(static_cast<u32>(file.get<R>().raw)));
    });
    nested.loaded = true;
    nested.empty = false;
}

void put_nested(arch::Cpu& cpu, CpuInterface& l1, NestedInterface& nested, vncr::RegisterFile& file) {
    const HostGic& gic = l1.distributor->gic();
    detail::for_each_active_priorities(gic.active_priority_registers(), [&]<typename R>(R, unsigned, unsigned) {
        file.set(cpu.read<R>());
    });
    detail::release_sre(cpu, gic);
    nested.loaded = false;
}

}  // namespace nest::vgic
