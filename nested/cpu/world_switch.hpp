// SPDX-License-Identifier: GPL-2.0-only
// The switch of one loaded vCPU between virtual EL2 and L2, inside tier 0: no put, no load. What changes is the banked
// EL1 set, the identification registers, the trap controls and FEAT_RAS' virtual SError; stage 2, timers and list
// registers are the caller's, any time before the next entry (which synchronises all of it).
//
// Context: guest context loaded (TGE clear), all exceptions masked, or at least preemption off with TGE set.
#pragma once
#include <base/tier0.hpp>
#include <nested/cpu/vncr_page.hpp>
#include <vhe/world_switch.hpp>

namespace nest::nested {

// Everything that the switch needs besides the vCPU.
struct SwitchArgs {
    vhe::FpOpen fp_open{};        // VirtualEl2::cptr()
    bool serror_pending = false;  // a virtual SError of ours, in either world: HCR_EL2.VSE is to be set; VSESR_EL2 is loaded
    bool under_host = false;      // TGE is set: HCR_EL2 and CPTR_EL2 are the host's until activate()
};

namespace detail {
NEST_TIER0 [[gnu::always_inline]] inline void sync_serror_of_l2(arch::Cpu& cpu, VirtualEl2& v) {
    using VSE = arch::HCR_EL2::VSE;
    if (!v.world_traps.l2().hcr.get<VSE>()) [[likely]]
        return;
    if (cpu.read<arch::HCR_EL2>().get<VSE>())
        return;
    v.world_traps.l2_serror_taken();
    v.file.set(v.file.get<arch::HCR_EL2>().with<VSE>(0));
}
}  // namespace detail

// L2 may have taken the virtual SError that L1 left pending, and so cleared HCR_EL2.VSE. To be called after a stay in the
// guest, while HCR_EL2 is still the guest's.
NEST_TIER0 [[gnu::always_inline]] inline void sync_l2_serror(arch::Cpu& cpu, VirtualEl2& v) {
    if (v.in_l2())
        detail::sync_serror_of_l2(cpu, v);
}

namespace detail {
[[gnu::cold]] void write_l2_serror(arch::Cpu& cpu, VirtualEl2& v, u64 deferred_of_vel2);
}  // namespace detail

// VDISR_EL2, which is DISR_EL1 of whoever runs, and VSESR_EL2, for L2. HCR_EL2.AMO is always set, so that L2 writes VDISR_EL2
// by MSR DISR_EL1 and by ESB: what it leaves there must not be virtual EL2's next deferred error, nor the other way round.
NEST_TIER0 [[gnu::always_inline]] inline void load_l2_serror(arch::Cpu& cpu, VirtualEl2& v) {
    using namespace arch;
    if (!v.world_traps.ras())
        return;
    const u64 vel2s = cpu.read<VDISR_EL2>().raw;
    v.file.set(SysReg::DISR_EL1, vel2s);
    if (vel2s | v.file.get(SysReg::VDISR_EL2) | (v.world_traps.l2().hcr.raw & HCR_EL2::VSE::kMask)) [[unlikely]]
        detail::write_l2_serror(cpu, v, vel2s);
}

NEST_TIER0 [[gnu::always_inline]] inline void save_l2_serror(arch::Cpu& cpu, VirtualEl2& v) {
    using namespace arch;
    if (!v.world_traps.ras())
        return;
    const u64 l2s = cpu.read<VDISR_EL2>().raw, vel2s = v.file.get(SysReg::DISR_EL1);
    v.file.set(SysReg::VDISR_EL2, l2s);
    if (l2s | vel2s) [[unlikely]]
        cpu.write(VDISR_EL2::of(vel2s));
}

namespace detail {
inline void write_entry_controls(arch::Cpu& cpu, arch::CPTR_EL2 cptr, arch::HCR_EL2 hcr, SwitchArgs args) {
    if (args.under_host)
        return;
    cpu.write(cptr);
    cpu.write(args.serror_pending ? hcr.with<arch::HCR_EL2::VSE>(1) : hcr);
}
}  // namespace detail

// For an L2 that is a hypervisor itself: L1 has set HCR_EL2.NV. L2's accesses to EL2's registers go to the page that L1's
// VNCR_EL2 names, once that translation is known; until then NV2 stays clear, so that the first one traps (Route::kVncr) and
// makes the translation. To be called again after somebody has dropped translations of this vCPU. `under_host`: HCR_EL2 is
// written by activate(), not here.
void load_l2_vncr(arch::Cpu& cpu, VirtualEl2& v, bool under_host);

// Virtual EL2's registers, which are in hardware, from the old form to the one that L1's HCR_EL2 asks for by now. A change of E2H
// changes what the bits of a register mean, and no bit. What virtual EL2's regime has left in this CPU's TLBs is for the caller to
// drop, and the trap controls are to be made and loaded anew.
[[gnu::cold]] void change_form(arch::Cpu& cpu, VirtualEl2& v);

// SVE's registers are the guest's and stay in hardware when the world changes. Their length has to follow, before the next entry: in
// L2 it is the shorter of what L1's ZCR_EL2 and the VMM allow. Where ZCR_EL1 changes hands both worlds' CPTR_EL2 let us reach the
// registers. Tier 0, of a vCPU with sve_loaded.
[[gnu::cold]] void follow_zcr(arch::Cpu& cpu, VirtualEl2& v);
// At the beginning and the end of a stay with SVE's registers, at EL2 with the host's CPTR_EL2.
void load_zcr(arch::Cpu& cpu, VirtualEl2& v);
void save_zcr(arch::Cpu& cpu, VirtualEl2& v);

// Virtual EL2's exception return to L2. `e2h`: VirtualEl2::e2h(), which tier 0 knows for a whole stay in the guest.
template <bool e2h>
NEST_TIER0 [[gnu::always_inline]] inline void switch_to_l2(arch::Cpu& cpu, VirtualEl2& v, SwitchArgs args) {
    using namespace arch;
    vncr::RegisterFile& file = v.file;
    const vhe::TrapConfig& l2 = v.world_traps.l2();
    // Walks that were under way in virtual EL2's regime end before a register of it changes ([DDI0487] D8.1.2).
    cpu.dsb<Barrier::NSH>();
    if constexpr (e2h)
        vhe::save_vel2_banked(cpu, file);
    else
        vhe::save_vel2_banked_without_e2h(cpu, file, v.form());
    vhe::load_el1_banked(cpu, file);
    const auto midr = v.get<VPIDR_EL2>();
    const auto mpidr = v.get<VMPIDR_EL2>();
    cpu.write(midr);
    cpu.write(mpidr);
    v.set_world(World::kL2);
    v.world_traps.refresh_l2_traps(v.config(), file);
    load_l2_serror(cpu, v);
    v.world_traps.exchange(cpu, l2);
    const HCR_EL2 hcr = l2.hcr;
    detail::write_entry_controls(cpu, v.cptr_in_l2(args.fp_open), hcr, args);
    // Last, and as a call: what is rare must not make the compiler spill registers on the common way.
    if (hcr.get<HCR_EL2::NV>()) [[unlikely]]
        load_l2_vncr(cpu, v, args.under_host);
}

NEST_TIER0 inline void switch_to_l2(arch::Cpu& cpu, VirtualEl2& v, SwitchArgs args) {
    v.e2h() ? switch_to_l2<true>(cpu, v, args) : switch_to_l2<false>(cpu, v, args);
}

// An exception from L2 to virtual EL2. What it leaves in ESR_EL2 and the like is put into the file before.
template <bool e2h>
[[gnu::always_inline]] inline void switch_to_vel2(arch::Cpu& cpu, VirtualEl2& v, SwitchArgs args) {
    using namespace arch;
    vncr::RegisterFile& file = v.file;
    const bool had_nv = v.world_traps.l2().hcr.get<HCR_EL2::NV>();
    cpu.dsb<Barrier::NSH>();
    if (!args.under_host)  // else HCR_EL2 is the host's, and sync_l2_serror() has looked before it was
        detail::sync_serror_of_l2(cpu, v);
    save_l2_serror(cpu, v);
    vhe::save_el1_banked(cpu, file);
    if constexpr (e2h)
        vhe::load_vel2_banked(cpu, file);
    else
        vhe::load_vel2_banked_without_e2h(cpu, file, v.form());
    const u64 midr = file.get(SysReg::MIDR_EL1), mpidr = file.get(SysReg::MPIDR_EL1);
    cpu.write(VPIDR_EL2::of(midr));
    cpu.write(VMPIDR_EL2::of(mpidr));
    const vhe::TrapConfig& vel2 = v.world_traps.vel2();
    v.set_world(World::kVel2);
    v.world_traps.exchange(cpu, vel2);
    if (had_nv) [[unlikely]]
        cpu.write(VNCR_EL2::of(reinterpret_cast<u64>(file.page())));
    detail::write_entry_controls(cpu, v.cptr_in_vel2(args.fp_open), vel2.hcr, args);
}

NEST_TIER0 inline void switch_to_vel2(arch::Cpu& cpu, VirtualEl2& v, SwitchArgs args) {
    v.e2h() ? switch_to_vel2<true>(cpu, v, args) : switch_to_vel2<false>(cpu, v, args);
}

// At a vCPU's load, before vhe::load(): computes v.traps(), which vhe::load() then writes, and gives this CPU the rest
// that differs from a flat guest. Preemption off.
//
// With the state in memory virtual EL2's form is settled before, as vhe::load() will load by it.
inline void load_world(arch::Cpu& cpu, VirtualEl2& v, const TrapSources& sources) {
    using namespace arch;
    v.world_traps.make(sources, v.config(), v.file, v.form());
    if (!v.config().nv2)
        return;
    cpu.write(VNCR_EL2::of(reinterpret_cast<u64>(v.file.page())));
    if (v.in_l2() && v.traps().hcr.get<HCR_EL2::NV>())
        load_l2_vncr(cpu, v, true);
}

// After vhe::load(), which gave VPIDR_EL2, VMPIDR_EL2 and VDISR_EL2 the VM's own values: L2's are L1's.
inline void finish_load_world(arch::Cpu& cpu, VirtualEl2& v) {
    if (!v.in_l2())
        return;
    cpu.write(v.get<arch::VPIDR_EL2>());
    cpu.write(v.get<arch::VMPIDR_EL2>());
    load_l2_serror(cpu, v);
}

// At a vCPU's put, before vhe::put(), which takes VDISR_EL2 for virtual EL2's.
inline void put_world(arch::Cpu& cpu, VirtualEl2& v) {
    if (v.in_l2())
        save_l2_serror(cpu, v);
}

// MDSCR_EL1 in hardware is what acts, wherever the guest's copy is. At an exception return to L2 or any other moment
// when the copy may have changed; `loaded` is what activate() gave the hardware, and is kept up to date for
// deactivate(). False: breakpoints have to be swapped in or out, so that the entry has to go by way of the host.
[[nodiscard]] inline bool refresh_mdscr(arch::Cpu& cpu, vhe::DebugEntry& loaded, const vhe::DebugEntry& wanted) {
    if (loaded.bank != wanted.bank)
        return false;
    if (loaded.mdscr == wanted.mdscr) [[likely]]
        return true;
    loaded.mdscr = wanted.mdscr;
    cpu.write(wanted.mdscr);
    return true;
}

}  // namespace nest::nested
