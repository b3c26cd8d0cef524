// SPDX-License-Identifier: GPL-2.0-only
// Tier 0: L1's virtual CPU interface and L2's change places in the hardware (kvm/vel2/gic.hpp has the long way).
#pragma once
#include <base/tier0.hpp>
#include <kvm/vm/machine.hpp>
#include <kvm/vm/vm.hpp>
#include <vgic/nested/nested.hpp>

namespace nest::kvm {

// Which of the physical interrupts L1 takes. L2 has an interface of its own where L1 takes some. (Neither bit is ever RES0.)
inline constexpr u64 kTakesBoth = arch::HCR_EL2::mask<arch::HCR_EL2::IMO, arch::HCR_EL2::FMO>();
inline u64 l1_takes_interrupts(const Vcpu& vcpu) { return vcpu.regs.get<arch::HCR_EL2>().raw & kTakesBoth; }
inline bool wants_l2_interface(const Vcpu& vcpu) { return vcpu.vel2.in_l2() && l1_takes_interrupts(vcpu); }
// The same for a vCPU that has just gone to the world `to`, known at compile time.
template <nested::World to>
bool wants_l2_interface(const Vcpu& vcpu) {
    return to == nested::World::kL2 && l1_takes_interrupts(vcpu);
}

enum class GicChange : u8 {
    kNotHere,  // not in tier 0
    kNone,     // L2's interface is neither loaded nor to be loaded
    kEmpty,    // L1's list registers are all 0
    kIdle,     // no list register of L1's holds an interrupt
    kFilled,   // some hold interrupts, none with a physical one behind it
};

// Can the two interfaces change places in tier 0? Only if no interrupt of L1's is pending or active, and no list register for
// L2 has a physical interrupt behind it. Takes back list registers whose interrupts L1 has handled since its last entry.
template <nested::World to>
NEST_TIER0 GicChange possible_gic_change(Vcpu& vcpu) {
    using arch::ListRegister;
    if (!vcpu.has_gic() || vcpu.gic.hw.vmcr_dirty)
        return GicChange::kNotHere;
    if (vcpu.gic.hw.used && !vgic::sync_ended(cpu(), vcpu.gic)) [[unlikely]]
        return GicChange::kNotHere;
    if (vcpu.gic.work.load_relaxed())
        return GicChange::kNotHere;
    // L1 has not run since it entered L2, and had no interrupt in its list registers then.
    if (vcpu.nested.gic.loaded && !vcpu.nested.gic.used) [[likely]]
        return vcpu.nested.gic.empty ? GicChange::kEmpty : GicChange::kIdle;
    if (!vcpu.nested.gic.loaded) {
        if (to != nested::World::kL2)
            return GicChange::kNone;
        // Neither: L2 uses L1's interface. One: the other's group is for flush_gic() to care about.
        if (const u64 takes = l1_takes_interrupts(vcpu); takes != kTakesBoth) [[unlikely]]
            return takes ? GicChange::kNotHere : GicChange::kNone;
    }
    const u64 any = vgic::any_list_register(vcpu.regs, machine().gic.list_registers());
    if (!any) [[likely]]
        return GicChange::kEmpty;
    if (!(any & ListRegister::State::kMask))
        return GicChange::kIdle;
    // A list register with HW needs the physical interrupt to be looked up, and deactivated later, under locks.
    return any & ListRegister::HW::kMask ? GicChange::kNotHere : GicChange::kFilled;
}

// Changes the interfaces as possible_gic_change() has said, for the world that the vCPU is in. False: the level of L1's
// maintenance interrupt changes, which the way by the host has to tell the vGIC.
template <nested::World to>
    // If L1 does not take physical interrupts itself, L2 uses L1's interface, and nothing changes.
NEST_TIER0 [[nodiscard]] bool change_gic(Vcpu& vcpu, GicChange how) {
    const bool wanted = how != GicChange::kNone && wants_l2_interface<to>(vcpu);
    const bool changes = how != GicChange::kNone && wanted != vcpu.nested.gic.loaded;
    if (changes && !wanted)
        vgic::leave_nested_in_tier0(cpu(), vcpu.gic, vcpu.nested.gic, vcpu.regs);
    const bool empty = how == GicChange::kEmpty;
    const bool high = vgic::maintenance_is_possible(vcpu.regs, empty) &&
                      vgic::nested_misr(vcpu.regs, machine().gic.list_registers()) != 0;
    if (high != vcpu.nested.maintenance_level) [[unlikely]]
        return false;
    if (changes && wanted)
        vgic::enter_nested_in_tier0(cpu(), vcpu.gic, vcpu.nested.gic, vcpu.regs, {how == GicChange::kFilled, empty, high});
    return true;
}

}  // namespace nest::kvm
