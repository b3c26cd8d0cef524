// SPDX-License-Identifier: GPL-2.0-only
// The outer layer of the switch (vhe/world_switch.hpp), for a vCPU's load and put (kvm/run/load.cpp). In a header, to be
// inlined: each exit to the VMM would pay for the calls.
#pragma once
#include <vhe/world_switch.hpp>

namespace nest::vhe {

namespace detail {
// A guest is shown no FEAT_MPAM: it may not choose the partitions that its memory traffic counts for, nor leave its choice to
// the host. Its EL1 runs in the partitions of the thread that runs the vCPU, as its EL0 does (MPAM0_EL1). Where MPAMIDR_EL1
// has no trap, the guest can read how many partitions there are.
void load_mpam(arch::Cpu& cpu, const SwitchFeatures& features, HostContext& host);
void put_mpam(arch::Cpu& cpu, const SwitchFeatures& features, const HostContext& host);
}  // namespace detail

// Host user state out, guest EL1 state in. Preemption off, interrupts on or off.
// Stage 2's VTTBR_EL2 and VTCR_EL2, timers and the vGIC are loaded by their own parts.
inline void load(arch::Cpu& cpu, const SwitchFeatures& features, HostContext& host, const GuestView& guest) {
    using namespace arch;
    host.sp_el0 = cpu.read<SP_EL0>().raw;
    host.tpidr_el0 = cpu.read<TPIDR_EL0>().raw;
    host.tpidrro_el0 = cpu.read<TPIDRRO_EL0>().raw;
    host.flags = features.pauth ? u64{1} << HOST_HAS_PAUTH_BIT : 0;
    if (features.pauth) {
        host.key_ia[0] = cpu.read<APIAKeyLo_EL1>().raw;
        host.key_ia[1] = cpu.read<APIAKeyHi_EL1>().raw;
        save_other_keys(cpu, host.other_keys);
        load_other_keys(cpu, guest.context.keys.other);
    }

    host.mdcr = cpu.read<MDCR_EL2>();
    if (features.hcrx)
        host.hcrx = cpu.read<HCRX_EL2>();
    if (features.fgt) {
        host.hfgrtr = cpu.read<HFGRTR_EL2>();
        host.hfgwtr = cpu.read<HFGWTR_EL2>();
        host.hfgitr = cpu.read<HFGITR_EL2>();
        host.hdfgrtr = cpu.read<HDFGRTR_EL2>();
        host.hdfgwtr = cpu.read<HDFGWTR_EL2>();
        if (features.amu)
            host.hafgrtr = cpu.read<HAFGRTR_EL2>();
    }
    if (features.fgt2) {
        host.hfgrtr2 = cpu.read<HFGRTR2_EL2>();
        host.hfgwtr2 = cpu.read<HFGWTR2_EL2>();
        host.hfgitr2 = cpu.read<HFGITR2_EL2>();
        host.hdfgrtr2 = cpu.read<HDFGRTR2_EL2>();
        host.hdfgwtr2 = cpu.read<HDFGWTR2_EL2>();
    }
    load_traps(cpu, features, host, guest.traps);
    if (features.mpam)
        detail::load_mpam(cpu, features, host);
    cpu.write(VPIDR_EL2::of(guest.file.get(SysReg::MIDR_EL1)));
    cpu.write(VMPIDR_EL2::of(guest.file.get(SysReg::MPIDR_EL1)));
    if (features.ras)
        cpu.write(VDISR_EL2::of(guest.file.get(SysReg::DISR_EL1)));
    if (guest.vel2)
        load_vel2(cpu, guest.file, guest.form);
    else
        load_el1(cpu, guest.file);
}

// The reverse of load().
inline void put(arch::Cpu& cpu, const SwitchFeatures& features, const HostContext& host, const GuestView& guest) {
    using namespace arch;
    if (guest.vel2)
        save_vel2(cpu, guest.file, guest.form);
    else
        save_el1(cpu, guest.file);
    if (features.ras)
        guest.file.set(SysReg::DISR_EL1, cpu.read<VDISR_EL2>().raw);
    if (features.mpam)
        detail::put_mpam(cpu, features, host);
    if (features.fgt2) {
        cpu.write(host.hfgrtr2);
        cpu.write(host.hfgwtr2);
        cpu.write(host.hfgitr2);
        cpu.write(host.hdfgrtr2);
        cpu.write(host.hdfgwtr2);
    }
    if (features.fgt) {
        cpu.write(host.hfgrtr);
        cpu.write(host.hfgwtr);
        cpu.write(host.hfgitr);
        cpu.write(host.hdfgrtr);
        cpu.write(host.hdfgwtr);
        if (features.amu)
            cpu.write(host.hafgrtr);
    }
    if (features.hcrx)
        cpu.write(host.hcrx);
    cpu.write(HSTR_EL2::of(0));
    cpu.write(host.mdcr);
    if (features.pauth) {
        save_other_keys(cpu, guest.context.keys.other);
        load_other_keys(cpu, host.other_keys);
    }
    cpu.write(TPIDR_EL0::of(host.tpidr_el0));
    cpu.write(TPIDRRO_EL0::of(host.tpidrro_el0));
}

}  // namespace nest::vhe
