// SPDX-License-Identifier: GPL-2.0-only
// The switch between the host (E2H and TGE set) and a guest at EL1, in two layers:
//   load/put            at each scheduling of the vCPU's thread: what the host does not need while it runs (load_put.hpp)
//   activate/deactivate at each entry and exit: what the host cannot run without
// enter.S does the rest. [DDI0487] D8.1 (translation regimes), D13.1 (VHE), D19.12 (synchronisation of registers).
#pragma once
#include <arch/cpu.hpp>
#include <arch/errata.hpp>
#include <base/tier0.hpp>
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

// The debug state for one stay in the guest.
struct DebugEntry {
    arch::MDSCR_EL1 mdscr;
    const BreakpointBank* bank;  // nullptr: nothing armed, the host's stay in place but disabled by MDSCR_EL1.MDE
};

struct GuestView {
    GuestContext& context;
    vncr::RegisterFile& file;
    const TrapConfig& traps;
    bool vel2 = false;  // the EL1 registers in hardware are to be virtual EL2's, …
    Vel2Form form = {};  // … in this form
};

// Writes the trap controls that stay loaded as long as the vCPU; also called when they change meanwhile. Preemption off.
void load_traps(arch::Cpu& cpu, const SwitchFeatures& features, const HostContext& host, const TrapConfig& traps);

// Interrupts, SErrors and debug exceptions masked from here to deactivate(). `vectors` is nest_guest_vectors' address.
NEST_TIER0 inline void activate(arch::Cpu& cpu, const SwitchFeatures& features, HostContext& host, arch::HCR_EL2 hcr, arch::CPTR_EL2 cptr,
              const DebugEntry& debug, u64 vectors) {
    using namespace arch;
    host.mdscr = cpu.read<MDSCR_EL1>();
    host.bank_swapped = debug.bank != nullptr;
    if (host.bank_swapped) {
        save_bank(cpu, features.breakpoints, features.watchpoints, host.bank);
        load_bank(cpu, features.breakpoints, features.watchpoints, *debug.bank);
    }
    if (host.mdscr.raw != debug.mdscr.raw)
        cpu.write(debug.mdscr);
    host.vbar = cpu.read<VBAR_EL2>();
    host.cptr = cpu.read<CPTR_EL2>();
    host.hcr = cpu.read<HCR_EL2>();
    cpu.write(VBAR_EL2::of(vectors));
    cpu.write(cptr);
    if (has_erratum(Erratum::kSpeculativeAt)) [[unlikely]]
        cpu.isb();  // stage 2's and EL1's registers are complete before a speculative AT can walk by them
    cpu.write(hcr);
    cpu.isb();  // TGE is clear from here on: address translation instructions and TLBI mean the guest's regime
}

NEST_TIER0 inline void deactivate(arch::Cpu& cpu, const SwitchFeatures& features, const HostContext& host, const DebugEntry& debug) {
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
