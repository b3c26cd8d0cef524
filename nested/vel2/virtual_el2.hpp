// SPDX-License-Identifier: GPL-2.0-only
// A vCPU's virtual EL2: which of its two worlds it is in, and the rules its VM has for it.
#pragma once
#include <nested/vel2/pstate.hpp>
#include <nested/vel2/world_traps.hpp>
#include <vhe/guest_context.hpp>
#include <vhe/vel2_state.hpp>
#include <vncr/translations.hpp>

namespace nest::nested {

// Not locked: the vCPU's thread, with preemption off while the registers are in hardware, or the holder of its mutex.
class VirtualEl2 {
public:
    VirtualEl2(vhe::GuestContext& guest_context, vncr::RegisterFile& register_file)
        : context(guest_context), file(register_file) {}
    VirtualEl2(const VirtualEl2&) = delete;
    VirtualEl2& operator=(const VirtualEl2&) = delete;

    // The vCPU has KVM_ARM_VCPU_HAS_EL2. Before its reset.
    void enable(const Config& vm) { config_ = &vm; }
    bool present() const { return config_ != nullptr; }
    const Config& config() const { return *config_; }

    World world() const { return world_; }
    bool in_vel2() const { return world_ == World::kVel2; }
    bool in_l2() const { return world_ == World::kL2; }
    // Does HCR_EL2.E2H act? As of the last settle_form(): L1 may have written HCR_EL2 to the VNCR page since.
    bool e2h() const { return form_.e2h; }
    bool tge() const { return file.get<arch::HCR_EL2>().get<arch::HCR_EL2::TGE>(); }
    // E2H and TGE: EL0 is virtual EL2's own user space.
    bool hosts_el0() const { return e2h() && tge(); }
    bool at_el0() const { return (context.pstate & 0xf) == 0; }
    // L1's register R as it acts: without what bits L1 wrote that do not exist.
    template <typename R>
    R get() const {
        return config().masks.get<R>(file);
    }
    arch::HCR_EL2 hcr() const { return get<arch::HCR_EL2>(); }
    // L1's CPTR_EL2 and CNTHCTL_EL2 in the layout with E2H, whichever L1 has chosen.
    arch::CPTR_EL2 cptr_of_l1() const { return masked_cptr_of(config(), file, e2h()); }
    arch::CNTHCTL_EL2 cnthctl() const {
        using T = arch::CNTHCTL_EL2;
        return e2h() ? get<T>() : T::of(vhe::cnthctl_with_e2h(config().masks.apply_without_e2h(T::kReg, file.get<T>().raw)));
    }
    // What L1 reads of its register, and what it may write.
    u64 apply_masks(arch::SysReg reg, u64 value) const {
        return e2h() ? config().masks.apply(reg, value) : config().masks.apply_without_e2h(reg, value);
    }

    // How hardware serves virtual EL2, as of the last settle_form().
    vhe::Vel2Form form() const { return form_; }
    // Has L1 chosen another E2H since, in the VNCR page, or has the choice become known that NV2 waited for? Then hardware has
    // virtual EL2's registers in the wrong form, and settle_form() is due (follow_e2h() in kvm/vel2/entry.hpp) before an access of
    // virtual EL2 or its ERET is acted upon.
    bool form_is_stale() const { return e2h_was_written() || undecided_ != waits_; }
    // The first of the two alone, which is all that can happen without an exit.
    bool e2h_was_written() const { return (file.get<arch::HCR_EL2>().raw & arch::HCR_EL2::E2H::kMask) != known_e2h_; }
    // Not 0: TGE is set, or e2h_was_written().
    u64 tge_or_another_e2h() const {
        using H = arch::HCR_EL2;
        return (file.get<H>().raw ^ known_e2h_) & H::mask<H::TGE, H::E2H>();
    }
    // The form for L1's registers as they are now. The caller moves what is in hardware from the old form to the new one.
    vhe::Vel2Form settle_form() {
        known_e2h_ = file.get<arch::HCR_EL2>().raw & arch::HCR_EL2::E2H::kMask;
        waits_ = undecided_;
        form_ = {hcr().get<arch::HCR_EL2::E2H>() != 0, config().nv2 && !waits_};
        return form_;
    }
    // From a reset on every access of virtual EL2 to its registers traps (NV without NV2), until L1 or the VMM writes HCR_EL2:
    // code that chooses E2H as one of its first steps may use names that E2H redirects right afterwards, without an exit
    // in between.
    void await_choice() {
        undecided_ = config().chooses_e2h() && config().nv2;
        mmu_was_on_ = false;
    }
    void choice_made() { undecided_ = false; }
    // At an access of virtual EL2 that traps in any form, and is not one that a running hypervisor makes often: is its MMU on? When
    // the MMU has gone off, another kernel or a boot loader is about to begin (kexec), and chooses anew, by the same steps as
    // after a reset: Linux finds out whether E2H can be 0 by the names of FAR_EL1 and FAR_EL2, without an exit.
    void found_mmu(bool on) {
        if (on) {
            mmu_was_on_ = true;
            choice_made();
        } else if (mmu_was_on_) {
            await_choice();
        }
    }

    // PSTATE as the guest and the VMM know it.
    u64 guest_pstate() const { return in_vel2() ? to_guest_view(context.pstate) : context.pstate; }
    // KVM_SET_ONE_REG of PSTATE, and reset. HCR_EL2 and PSTATE may come in either order: settle_world() decides.
    void set_guest_pstate(u64 pstate) {
        const u64 mode = pstate & 0x1f;
        if (mode == arch::kModeEL2t || mode == arch::kModeEL2h)
            world_ = World::kVel2;
        else if (mode != arch::kModeEL0t)
            set_world(World::kL2);
        context.pstate = to_hardware_view(pstate);
    }
    // Before KVM_RUN, with the state in memory: at EL0, E2H and TGE decide whose user space it is.
    void settle_world() {
        settle_form();
        if (at_el0())
            set_world(hosts_el0() ? World::kVel2 : World::kL2);
    }
    void set_world(World world) {
        world_ = world;
        hypervises_ |= world == World::kL2;
    }
    // The vCPU has run L2 at some time. A hypervisor writes MDSCR_EL1 on each world switch, to leave its guest's value or to
    // restore its own; any other kernel writes MDSCR_EL1 to step itself, which has to act at once (debug_traps_for()).
    bool hypervises() const { return hypervises_; }

    // An exception that the VM's hardware raises for the hypervisor: does L1 take it, and is it masked? In L2, a
    // physical interrupt that L1 routes to EL2 is not masked by PSTATE; one that it does not route belongs to L2's EL1.
    enum class Delivery : u8 { kVel2Now, kVel2Masked, kGuestEl1, kNowhere };
    template <typename RoutedBy, typename MaskedBy>
    Delivery delivery() const {
        const bool routed = hcr().get<RoutedBy>() || tge();
        if (in_l2())
            return routed ? Delivery::kVel2Now : Delivery::kGuestEl1;
        if (!routed)
            return Delivery::kNowhere;
        // From EL0 under E2H and TGE too, PSTATE masks.
        return context.pstate & MaskedBy::kMask ? Delivery::kVel2Masked : Delivery::kVel2Now;
    }
    Delivery irq() const { return delivery<arch::HCR_EL2::IMO, arch::SPSR_EL2::I>(); }
    Delivery fiq() const { return delivery<arch::HCR_EL2::FMO, arch::SPSR_EL2::F>(); }
    Delivery serror() const { return delivery<arch::HCR_EL2::AMO, arch::SPSR_EL2::A>(); }

    // The trap controls of the world that the vCPU is in, which hardware holds while the vCPU is loaded.
    const vhe::TrapConfig& traps() const { return in_l2() ? world_traps.l2() : world_traps.vel2(); }
    // CPTR_EL2 for hardware. `open`: what of FP/SIMD and SVE there is the guest's. L1 may trap either of L2: then the trap stays even if
    // the registers are loaded.
    arch::CPTR_EL2 cptr(vhe::FpOpen open) const { return in_l2() ? cptr_in_l2(open) : cptr_in_vel2(open); }
    arch::CPTR_EL2 cptr_in_l2(vhe::FpOpen open) const {
        return open.without(world_traps.l2_forwards_fp()).in(world_traps.l2().cptr);
    }
    arch::CPTR_EL2 cptr_in_vel2(vhe::FpOpen open) const { return open.in(world_traps.vel2().cptr); }
    // Is ZCR_EL1 in hardware to be L2's, while SVE's registers are the guest's? Only if L1 lets L2 have SVE: else L2
    // cannot reach the register, and virtual EL2's value stays, as CPTR_EL2 would trap an access of ours, too.
    bool zcr_is_l2s() const { return in_l2() && !world_traps.l2_forwards_fp().sve(); }

    // One of L1's own registers wherever it is now. `loaded`: the vCPU's registers are in this CPU's hardware.
    u64 read(arch::Cpu& cpu, arch::SysReg reg, bool loaded) const {
        u64 value;
        return loaded && in_vel2() && vhe::read_vel2(cpu, file, reg, value, form_) ? value : file.get(reg);
    }
    void write(arch::Cpu& cpu, arch::SysReg reg, u64 value, bool loaded) {
        if (!loaded || !in_vel2() || !vhe::write_vel2(cpu, file, reg, value, form_))
            file.set(reg, value);
    }

    vhe::GuestContext& context;
    vncr::RegisterFile& file;
    WorldTraps world_traps;
    vncr::Translations* vncr = nullptr;  // of L1's VNCR_EL2; the vCPU owns them, apart from what every exit touches

private:
    const Config* config_ = nullptr;
    World world_ = World::kFlat;
    bool hypervises_ = false;
    bool undecided_ = false;                          // await_choice()
    bool waits_ = false;                              // undecided_, as form_ has it
    bool mmu_was_on_ = false;                         // found_mmu(), since the last await_choice()
    vhe::Vel2Form form_{};
    u64 known_e2h_ = arch::HCR_EL2::E2H::kMask;       // HCR_EL2's bit as L1 wrote it, when form_ was made

public:
    u8 sve_len = 0;           // ZCR_EL2.LEN of the vCPU's longest vector
    bool sve_loaded = false;  // SVE's registers in hardware are the guest's, ZCR_EL1 and ZCR_EL2 included: in a stay in the guest
    bool zcr_in_hardware_is_l2s = false;  // else virtual EL2's; sve_loaded alone
};

}  // namespace nest::nested
