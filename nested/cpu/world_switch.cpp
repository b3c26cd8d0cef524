// SPDX-License-Identifier: GPL-2.0-only
#include <nested/cpu/world_switch.hpp>

namespace nest::nested {

namespace detail {
void write_l2_serror(arch::Cpu& cpu, VirtualEl2& v, u64 deferred_of_vel2) {
    using namespace arch;
    const auto deferred = v.get<VDISR_EL2>();
    if (deferred.raw != deferred_of_vel2)
        cpu.write(deferred);
    // A VM without FEAT_RAS has no syndrome to give, but hardware reports one: IMPLEMENTATION DEFINED.
    if (v.world_traps.l2().hcr.get<HCR_EL2::VSE>())
        cpu.write(v.config().features.has(Feature::kRas) ? v.get<VSESR_EL2>() : VSESR_EL2::of(1 << 24));
}
}  // namespace detail

void change_form(arch::Cpu& cpu, VirtualEl2& v) {
    cpu.dsb<arch::Barrier::NSH>();  // as at a change of world: walks by the old registers end before one of them changes
    vhe::save_vel2(cpu, v.file, v.form());
    vhe::load_vel2(cpu, v.file, v.settle_form());
}

void load_l2_vncr(arch::Cpu& cpu, VirtualEl2& v, bool under_host) {
    const vncr::Page page = v.vncr->find(vncr_page_name(v));
    v.world_traps.l2_redirects(page.direct());
    if (page.direct())
        cpu.write(arch::VNCR_EL2::of(reinterpret_cast<u64>(page.bytes)));
    if (under_host)
        return;
    using H = arch::HCR_EL2;
    constexpr u64 kChanges = H::mask<H::NV2, H::TVM, H::TRVM>();
    cpu.write(H::of((cpu.read<H>().raw & ~kChanges) | (v.world_traps.l2().hcr.raw & kChanges)));
}

}  // namespace nest::nested
