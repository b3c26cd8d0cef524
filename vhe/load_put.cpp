// SPDX-License-Identifier: GPL-2.0-only
#include <vhe/load_put.hpp>

namespace nest::vhe {
namespace detail {

void load_mpam(arch::Cpu& cpu, const SwitchFeatures& features, HostContext& host) {
    using namespace arch;
    host.mpam2 = cpu.read<MPAM2_EL2>();
    cpu.write(MPAM1_EL12::of(host.mpam2.raw & MPAM2_EL2::Partitions::kMask));
    cpu.write(MPAM2_EL2::of(host.mpam2.raw | MPAM2_EL2::mask<MPAM2_EL2::TIDR, MPAM2_EL2::TRAPMPAM0EL1,
                                                             MPAM2_EL2::TRAPMPAM1EL1>()));
    if (!features.mpamhcr)
        return;
    host.mpamhcr = cpu.read<MPAMHCR_EL2>();
    cpu.write(MPAMHCR_EL2{}.with<MPAMHCR_EL2::TRAP_MPAMIDR_EL1>(1));  // no virtual partition IDs, either
}

void put_mpam(arch::Cpu& cpu, const SwitchFeatures& features, const HostContext& host) {
    cpu.write(host.mpam2);
    if (features.mpamhcr)
        cpu.write(host.mpamhcr);
}

}  // namespace detail

void load_traps(arch::Cpu& cpu, const SwitchFeatures& features, const HostContext& host, const TrapConfig& traps) {
    using namespace arch;
    // HPMN splits the event counters between EL2 and the guest: it keeps the host's value.
    cpu.write(traps.mdcr.with<MDCR_EL2::HPMN>(host.mdcr.get<MDCR_EL2::HPMN>()));
    cpu.write(traps.hstr);
    if (features.hcrx)
        cpu.write(traps.hcrx);
    if (features.fgt2) {
        // All zero: in FEAT_FGT2's registers a 0 traps, and no guest is shown the features behind their bits.
        cpu.write(HFGRTR2_EL2{});
        cpu.write(HFGWTR2_EL2{});
        cpu.write(HFGITR2_EL2{});
        cpu.write(HDFGRTR2_EL2{});
        cpu.write(HDFGWTR2_EL2{});
    }
    if (!features.fgt)
        return;
    cpu.write(traps.hfgrtr);
    cpu.write(traps.hfgwtr);
    cpu.write(traps.hfgitr);
    cpu.write(traps.hdfgrtr);
    cpu.write(traps.hdfgwtr);
    if (features.amu)
        cpu.write(traps.hafgrtr);
}

}  // namespace nest::vhe
