// SPDX-License-Identifier: GPL-2.0-only
// NestedVcpu: what a vCPU with virtual EL2 keeps for the way between virtual EL2 and L2. Its own thread, unless said otherwise.
#pragma once
#include <kvm/memory/canonical.hpp>
#include <nested/mmu/shadow.hpp>
#include <nested/vel2/world.hpp>
#include <nested/walk/walk_stage2.hpp>
#include <vgic/nested/nested.hpp>
#include <vncr/register_file.hpp>
#include <vncr/translations.hpp>

#include <utility>

namespace nest::kvm {

// The registers of L1's that its stage 2 and the key of its shadow are made of, as L1 wrote them.
struct L1Stage2Registers {
    using Hcr = arch::HCR_EL2;
    u64 vttbr, vtcr, hcr;

    static L1Stage2Registers of(const vncr::RegisterFile& file) {
        return {file.get<arch::VTTBR_EL2>().raw, file.get<arch::VTCR_EL2>().raw,
                file.get<Hcr>().raw & Hcr::mask<Hcr::VM, Hcr::DC, Hcr::FWB, Hcr::CD>()};
    }
    // HCR_EL2.DC makes VM count as 1 ([DDI0487] D24.2.58).
    bool on() const { return hcr & Hcr::mask<Hcr::VM, Hcr::DC>(); }
    bool operator==(const L1Stage2Registers&) const = default;
};

// Which shadow a vCPU runs L2 on, and which values of L1's registers it was made for.
struct ShadowUse {
    Shadow* shadow = nullptr;              // held, so that neither the shadow nor its key changes
    L1Stage2Registers shadow_inputs{};     // L1's registers that the shadow's key was made of
    nested::Stage2Regime regime{};         // the result of l1_stage2(), where stage 2 is on
    L1Stage2Registers regime_inputs{};     // L1's registers, beside SCTLR_EL2.EE, that `regime` was made of
    bool regime_matches_shadow = false;    // regime_inputs == shadow_inputs
    nested::MmuFeatures features{};
    Shadow* before = nullptr;              // the shadow of the key before, held as well: without VHE L1's own EL1 and L2 alternate
    L1Stage2Registers before_inputs{};
    bool has_features = false;             // `features` are the VM's ID registers', which do not change once a vCPU has run

    // Is the held shadow still the one for L1's registers?
    bool holds_for(const vncr::RegisterFile& file) const { return shadow && L1Stage2Registers::of(file) == shadow_inputs; }
    // Or is it the one held before? Then this becomes the one that L2 runs on.
    bool turn_back(const vncr::RegisterFile& file) {
        if (!before || L1Stage2Registers::of(file) != before_inputs)
            return false;
        std::swap(shadow, before);
        std::swap(shadow_inputs, before_inputs);
        regime_matches_shadow = false;
        return true;
    }
};

struct NestedVcpu {
    nested::World served_world = nested::World::kFlat;           // whose timers are in the hardware (switch_pending())
    nested::DebugTraps debug_traps = nested::DebugTraps::kNone;  // in force at virtual EL2
    vgic::NestedInterface gic;                                   // L2's CPU interface, as L1 has built it
    bool maintenance_level = false;                              // of L1's maintenance interrupt
    ShadowUse shadow_use;
};

}  // namespace nest::kvm
