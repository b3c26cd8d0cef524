// SPDX-License-Identifier: GPL-2.0-only
// The switch between the host (E2H and TGE set) and a guest at EL1, in two layers:
//   load/put            at each scheduling of the vCPU's thread: what the host does not need while it runs
//   activate/deactivate at each entry and exit: what it cannot run without
// enter.S does the rest. [DDI0487] D8.1 (translation regimes), D13.1 (VHE), D19.12 (synchronisation of registers).
#pragma once
#include <arch/cpu.hpp>
#include <arch/errata.hpp>
#include <vhe/debug_bank.hpp>
#include <vhe/host_context.hpp>
#include <vhe/pauth_keys.hpp>
#include <vhe/trap_config.hpp>
#include <vhe/vel2_state.hpp>

namespace nest::vhe {

// What of the machine the switch must know; filled once, at load of the module.
struct SwitchFeatures {
    bool pauth;
    bool fgt;
    bool fgt2;
    bool hcrx;
    bool amu;  // HAFGRTR_EL2 exists
    bool ras;  // VDISR_EL2 exists: the guest's DISR_EL1 while HCR_EL2.AMO is set
    unsigned breakpoints;
    unsigned watchpoints;
    bool mpam = false;     // FEAT_MPAM, and firmware that leaves its registers to us
    bool mpamhcr = false;  // MPAMHCR_EL2 exists
};

// What the guest's breakpoints look like for this run of the vCPU.
struct DebugEntry {
    arch::MDSCR_EL1 mdscr;
    const BreakpointBank* bank;  // nullptr: nothing armed, the host's stay in place but disabled by MDSCR_EL1.MDE
};

struct GuestView {
    GuestContext& context;
    vncr::RegisterFile& file;
    const TrapConfig& traps;
    bool vel2 = false;  // the EL1 registers in hardware are to be virtual EL2's
};

// The trap controls that stay loaded as long as the vCPU; again when they change while it is. Preemption off.
template <arch::Cpu C>
void load_traps(C& cpu, const SwitchFeatures& features, const HostContext& host, const TrapConfig& traps) {
    using namespace arch;
    // The host's share of the event counters stays the host's.
    cpu.write(traps.mdcr.with<MDCR_EL2::HPMN>(host.mdcr.get<MDCR_EL2::HPMN>()));
    cpu.write(traps.hstr);
    if (features.hcrx)
        cpu.write(traps.hcrx);
    if (features.fgt2) {
        // Every bit of FEAT_FGT2's registers permits; a guest is shown none of the features behind them.
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

// A guest is shown no FEAT_MPAM: it may neither choose the partitions that its memory traffic counts for nor leave its choice
// to the host. Its EL1 runs in those of the thread that runs the vCPU, as its EL0 does (MPAM0_EL1). Where MPAMIDR_EL1 has
// no trap, the guest can read how many partitions there are.
template <arch::Cpu C>
void load_mpam(C& cpu, const SwitchFeatures& features, HostContext& host) {
    using namespace arch;
    host.mpam2 = cpu.template read<MPAM2_EL2>();
    cpu.write(MPAM1_EL12::of(host.mpam2.raw & MPAM2_EL2::Partitions::kMask));
    cpu.write(MPAM2_EL2::of(host.mpam2.raw | MPAM2_EL2::mask<MPAM2_EL2::TIDR, MPAM2_EL2::TRAPMPAM0EL1,
                                                             MPAM2_EL2::TRAPMPAM1EL1>()));
    if (!features.mpamhcr)
        return;
    host.mpamhcr = cpu.template read<MPAMHCR_EL2>();
    cpu.write(MPAMHCR_EL2{}.with<MPAMHCR_EL2::TRAP_MPAMIDR_EL1>(1));  // and no partition of the guest's is a virtual one
}
template <arch::Cpu C>
void put_mpam(C& cpu, const SwitchFeatures& features, const HostContext& host) {
    cpu.write(host.mpam2);
    if (features.mpamhcr)
        cpu.write(host.mpamhcr);
}

// Host user state out, guest EL1 state in. Preemption off, interrupts on or off.
// Stage 2's VTTBR_EL2 and VTCR_EL2, timers and the vGIC are loaded by their own parts.
template <arch::Cpu C>
void load(C& cpu, const SwitchFeatures& features, HostContext& host, const GuestView& guest) {
    using namespace arch;
    host.sp_el0 = cpu.template read<SP_EL0>().raw;
    host.tpidr_el0 = cpu.template read<TPIDR_EL0>().raw;
    host.tpidrro_el0 = cpu.template read<TPIDRRO_EL0>().raw;
    host.flags = features.pauth ? u64{1} << HOST_HAS_PAUTH_BIT : 0;
    if (features.pauth) {
        host.key_ia[0] = cpu.template read<APIAKeyLo_EL1>().raw;
        host.key_ia[1] = cpu.template read<APIAKeyHi_EL1>().raw;
        save_other_keys(cpu, host.other_keys);
        load_other_keys(cpu, guest.context.keys.other);
    }

    host.mdcr = cpu.template read<MDCR_EL2>();
    if (features.hcrx)
        host.hcrx = cpu.template read<HCRX_EL2>();
    if (features.fgt) {
        host.hfgrtr = cpu.template read<HFGRTR_EL2>();
        host.hfgwtr = cpu.template read<HFGWTR_EL2>();
        host.hfgitr = cpu.template read<HFGITR_EL2>();
        host.hdfgrtr = cpu.template read<HDFGRTR_EL2>();
        host.hdfgwtr = cpu.template read<HDFGWTR_EL2>();
        if (features.amu)
            host.hafgrtr = cpu.template read<HAFGRTR_EL2>();
    }
    if (features.fgt2) {
        host.hfgrtr2 = cpu.template read<HFGRTR2_EL2>();
        host.hfgwtr2 = cpu.template read<HFGWTR2_EL2>();
        host.hfgitr2 = cpu.template read<HFGITR2_EL2>();
        host.hdfgrtr2 = cpu.template read<HDFGRTR2_EL2>();
        host.hdfgwtr2 = cpu.template read<HDFGWTR2_EL2>();
    }
    load_traps(cpu, features, host, guest.traps);
    if (features.mpam)
        load_mpam(cpu, features, host);
    cpu.write(VPIDR_EL2::of(guest.file.get(SysReg::MIDR_EL1)));
    cpu.write(VMPIDR_EL2::of(guest.file.get(SysReg::MPIDR_EL1)));
    if (features.ras)
        cpu.write(VDISR_EL2::of(guest.file.get(SysReg::DISR_EL1)));
    if (guest.vel2)
        load_vel2(cpu, guest.file);
    else
        load_el1(cpu, guest.file);
}

// The reverse of load().
template <arch::Cpu C>
void put(C& cpu, const SwitchFeatures& features, const HostContext& host, const GuestView& guest) {
    using namespace arch;
    if (guest.vel2)
        save_vel2(cpu, guest.file);
    else
        save_el1(cpu, guest.file);
    if (features.ras)
        guest.file.set(SysReg::DISR_EL1, cpu.template read<VDISR_EL2>().raw);
    if (features.mpam)
        put_mpam(cpu, features, host);
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

// Interrupts, SErrors and debug exceptions masked from here to deactivate(). `vectors` is nest_guest_vectors' address.
template <arch::Cpu C>
void activate(C& cpu, const SwitchFeatures& features, HostContext& host, arch::HCR_EL2 hcr, arch::CPTR_EL2 cptr,
              const DebugEntry& debug, u64 vectors) {
    using namespace arch;
    host.mdscr = cpu.template read<MDSCR_EL1>();
    host.bank_swapped = debug.bank != nullptr;
    if (host.bank_swapped) {
        save_bank(cpu, features.breakpoints, features.watchpoints, host.bank);
        load_bank(cpu, features.breakpoints, features.watchpoints, *debug.bank);
    }
    if (host.mdscr.raw != debug.mdscr.raw)
        cpu.write(debug.mdscr);
    host.vbar = cpu.template read<VBAR_EL2>();
    host.cptr = cpu.template read<CPTR_EL2>();
    host.hcr = cpu.template read<HCR_EL2>();
    cpu.write(VBAR_EL2::of(vectors));
    cpu.write(cptr);
    if (has_erratum(Erratum::kSpeculativeAt)) [[unlikely]]
        cpu.isb();  // stage 2 and EL1's registers are whole before anything walks them
    cpu.write(hcr);
    cpu.isb();  // TGE is clear from here on: address translation instructions and TLBI mean the guest's regime
}

template <arch::Cpu C>
void deactivate(C& cpu, const SwitchFeatures& features, const HostContext& host, const DebugEntry& debug) {
    using namespace arch;
    cpu.write(host.hcr);
    cpu.write(host.cptr);
    cpu.write(host.vbar);
    if (host.mdscr.raw != debug.mdscr.raw)
        cpu.write(host.mdscr);
    if (host.bank_swapped)
        load_bank(cpu, features.breakpoints, features.watchpoints, host.bank);
    cpu.isb();  // the vectors and TGE must be the host's before an interrupt may be taken
}

}  // namespace nest::vhe
