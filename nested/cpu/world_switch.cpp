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

namespace {
// ZCR_EL2 for L2, when L1 has set its own to `zcr`.
arch::ZCR_EL2 zcr_for_l2(const VirtualEl2& v, arch::ZCR_EL2 zcr) {
    using LEN = arch::ZCR_EL2::LEN;
    return arch::ZCR_EL2{}.with<LEN>(zcr.get<LEN>() < v.sve_len ? zcr.get<LEN>() : v.sve_len);
}
}  // namespace

void load_zcr(arch::Cpu& cpu, VirtualEl2& v) {
    using namespace arch;
    const auto l1 = v.get<ZCR_EL2>();
    v.zcr_in_hardware_is_l2s = v.zcr_is_l2s();
    if (v.zcr_in_hardware_is_l2s) {
        cpu.write(ZCR_EL12::of(v.file.get(SysReg::ZCR_EL1)));
        cpu.write(zcr_for_l2(v, l1));
    } else {
        cpu.write(ZCR_EL12::of(l1.raw));
        cpu.write(ZCR_EL2{}.with<ZCR_EL2::LEN>(v.sve_len));
    }
}

void save_zcr(arch::Cpu& cpu, VirtualEl2& v) {
    using namespace arch;
    v.file.set(v.zcr_in_hardware_is_l2s ? SysReg::ZCR_EL1 : SysReg::ZCR_EL2, cpu.read<ZCR_EL12>().raw);
}

void follow_zcr(arch::Cpu& cpu, VirtualEl2& v) {
    if (v.zcr_is_l2s() == v.zcr_in_hardware_is_l2s)
        return;
    save_zcr(cpu, v);
    load_zcr(cpu, v);
}

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
