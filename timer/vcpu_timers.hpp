// SPDX-License-Identifier: GPL-2.0-only
// The timers of one vCPU. Two of them own the machine's EL1 timers while the vCPU is loaded ("in hardware"); for the others,
// and for all while the vCPU's thread sleeps, one hrtimer of the host stands in ("soft").
//
// With an in-kernel GIC the host's PPI is forwarded: its active state lasts until the guest deactivates the virtual
// interrupt through a list register, so that nothing here runs on an exit or an entry. The vGIC asks asserted() when it
// takes a completed list register back. Without an in-kernel GIC, the VMM learns the level from kvm_run, and the PPI is kept
// active as long as the level is high.
//
// Context: unless said otherwise, the vCPU's own thread. A method that takes a Cpu touches the CPU it runs on:
// preemption off.
#pragma once
#include <base/lock.hpp>
#include <base/tier0.hpp>
#include <timer/access.hpp>
#include <timer/hardware.hpp>
#include <timer/irq_lines.hpp>
#include <timer/traps.hpp>
#include <timer/vm_timers.hpp>

namespace nest::timer {

// kvm_run->s.regs.device_irq_level
inline constexpr u64 kDeviceIrqVtimer = 1 << 0;
inline constexpr u64 kDeviceIrqPtimer = 1 << 1;

// Why the vCPU leaves the CPU. A vCPU that is only preempted is runnable and needs no alarm.
struct Wait {
    bool blocking = false;      // in WFI, WFIT or CPU_SUSPEND
    bool has_deadline = false;  // WFIT
    u64 deadline = 0;           // in the guest's virtual count
};

class VcpuTimers {
public:
    VcpuTimers() = default;
    VcpuTimers(const VcpuTimers&) = delete;
    VcpuTimers& operator=(const VcpuTimers&) = delete;

    // At vCPU creation. nest_hrtimer_fired(owner, which) must call on_soft_timer.
    void init(VmTimers& vm, IrqLines& lines, void* owner, unsigned which);
    // The vCPU gets virtual EL2: four contexts, the EL2 pair's and L2's offsets as the architecture has them.
    // `cntvoff` is L1's CNTVOFF_EL2. Before the first run.
    void init_el2(const u64* cntvoff);
    // At the first run: EINVAL when two timers share a PPI. Under the VM's configuration lock. Idempotent.
    Status enable(bool irqchip_in_kernel);
    // KVM_ARM_VCPU_INIT and CPU_ON: every timer off and its line low; CVALs stay. Not loaded; sleepable.
    void reset();
    // Before the vCPU is freed: no callback runs after it. Sleepable.
    void terminate();

    // The vCPU comes to this CPU, before the vGIC's own load. Interrupts on.
    inline void load(arch::Cpu& cpu);
    // The vCPU leaves this CPU. Callable under the scheduler's run-queue lock: wakes nobody, touches no line, and does not wait
    // for a running callback of the hrtimer, as that may be waiting for the run-queue lock to wake a thread.
    inline void put(arch::Cpu& cpu, const Wait& wait = {});
    // After an exit, when the guest context is gone, interrupts off. One test with an in-kernel GIC and no virtual EL2.
    void sync(arch::Cpu& cpu) {
        if (watched_) [[unlikely]]
            sync_watched(cpu);
    }
    // Before an entry, interrupts still on: takes up offsets that another thread changed, and soft timers that tier 0
    // wrote. Two loads and a compare.
    void flush(arch::Cpu& cpu) {
        if (needs_flush()) [[unlikely]]
            flush_changed(cpu);
    }
    // For tier 0: true if the next entry needs flush(), and so has to go by way of the host.
    bool needs_flush() const { return (soft_dirty_ | fell_) || (loaded_ && vm_->generation() != generation_); }

    // With FEAT_ECV_POFF the offset acts on the physical timer only while HCR_EL2.TGE is 0, so that CVAL has to change together
    // with TGE. To be called right after HCR_EL2 got the guest's value, and right after it got the host's. Interrupts off.
    NEST_TIER0 void enter_guest_regime(arch::Cpu& cpu) {
        if (regime_shift_) [[unlikely]]
            shift_regime(cpu, true);
    }
    NEST_TIER0 void leave_guest_regime(arch::Cpu& cpu) {
        if (regime_shift_) [[unlikely]]
            shift_regime(cpu, false);
    }

    // The host's PPI of `slot`, on the CPU where this vCPU is loaded. Hard interrupt.
    void on_host_irq(arch::Cpu& cpu, Slot slot);
    // The hrtimer fired. True: the caller wakes the vCPU (its WFIT is over, or the VMM has to be told). False: set_level() has
    // woken it, if its interrupt controller lets the interrupt through. Where that is masked, nothing may end the guest's WFI:
    // the vCPU would sleep and be woken in a circle. Hard interrupt, on any CPU.
    bool on_soft_timer(arch::Cpu& cpu);

    // The timer's output signal now. For a context in hardware: on its CPU only.
    bool asserted(arch::Cpu& cpu, TimerId id) {
        const TimerContext& t = context(id);
        return t.in_hardware ? asserts(read_ctl(cpu, slot_of(id))) : t.should_fire(host_count(cpu));
    }
    // WFIT's condition: the guest's virtual count has reached `deadline`.
    bool count_reached(arch::Cpu& cpu, u64 deadline) {
        return context(direct(Slot::kVirtual)).guest_count(host_count(cpu)) >= deadline;
    }

    // A trapped MRS or MSR; no locks, no sleeping, tier 0 may call it. Writes to counters are ignored, as nothing
    // routes them here. After a write to a soft timer needs_flush() is true.
    u64 read_register(arch::Cpu& cpu, TimerAccess access);
    void write_register(arch::Cpu& cpu, TimerAccess access, u64 value);

    // KVM_GET_ONE_REG, KVM_SET_ONE_REG; vCPU not loaded, its mutex held. `host_count` is CNTPCT_EL0 now.
    //
    // The counts of a vCPU with virtual EL2: PTIMER_CNT is the physical one, CNTPCT_EL0 of all its levels, and the VM's one
    // offset says what that is. TIMER_CNT is EL1's virtual one, what L1's guest reads as CNTVCT_EL0: PTIMER_CNT less L1's
    // CNTVOFF_EL2 of the moment. Setting either moves the VM's offset so that reading it gives the value; so a VMM may
    // stop its VM's clock by either, and what it reads and writes back changes nothing. A VMM that restores registers in
    // the order of their numbers sets TIMER_CNT before CNTVOFF_EL2: as long as the vCPU has not run since, a later change
    // of CNTVOFF_EL2 by ONE_REG leaves TIMER_CNT as set, and moves PTIMER_CNT (virtual_offset_was_set()). Set in any order
    // the three come out right. After KVM_ARM_SET_COUNTER_OFFSET none of these moves any offset.
    u64 get_one_reg(TimerAccess access, u64 host_count) const;
    void set_one_reg(TimerAccess access, u64 value, u64 host_count);
    // After a KVM_SET_ONE_REG that may have been CNTVOFF_EL2's.
    void virtual_offset_was_set();

    // For a VMM that has the interrupt controller: brings kDeviceIrq* in `level` up to date; true when it changed, and
    // then KVM_RUN must return.
    bool update_device_irq_level(arch::Cpu& cpu, u64& level);

    // vEL2 <-> L2: which pair owns the hardware. For L2, `l1` is L1's CNTHCTL_EL2, whose traps are merged with ours.
    // Preemption off, interrupts on: when loaded it cancels the hrtimer. The vCPU is out of the guest, its vGIC synced.
    void switch_direct(arch::Cpu& cpu, bool hyp, arch::CNTHCTL_EL2 l1);
    // The same with interrupts off, also in tier 0, guest context loaded, where nothing but registers has to change: no
    // timer asserts, and the alarm that is set comes early enough for those that leave the hardware. The vGIC has nothing
    // pending or active of these timers; its mapping of the PPIs stays behind until catch_up(). False: nothing has
    // changed, take switch_direct().
    // Nor does it end the sharing of EL1's pair, which a change of E2H does.
    [[nodiscard]] bool try_switch_direct(arch::Cpu& cpu, bool hyp, arch::CNTHCTL_EL2 l1) {
        if (!loaded_ || !irqchip_in_kernel_ || hyp_direct_ == hyp || vel2_shares_)
            return false;
        return hyp ? exchange<true>(cpu, l1) : exchange<false>(cpu, l1);
    }
    // The same for a caller that knows: the vCPU is loaded, the GIC is in the kernel, and the other pair is direct.
    template <bool hyp>
    [[nodiscard]] bool exchange(arch::Cpu& cpu, arch::CNTHCTL_EL2 l1);
    // Without E2H virtual EL2 means EL1's timers by their plain names, and its own by names that always trap: so EL1's pair stays in
    // hardware while either world runs, and only what traps differs, and L1's offset. `vel2`: virtual EL2 is about to run; else L2,
    // with `l1` as for switch_direct(). Loaded, EL1's pair direct; preemption off, or tier 0. False: flush() has to follow.
    [[nodiscard]] bool share_el1_pair(arch::Cpu& cpu, bool vel2, arch::CNTHCTL_EL2 l1);
    // NV2 makes virtual EL2's accesses to CNTV_CTL_EL0 and CNTV_CVAL_EL0 loads and stores then, if FEAT_ECV does not trap them: what
    // was stored goes to the hardware. After each exit from virtual EL2.
    void adopt_stores(arch::Cpu& cpu) {
        if (publishes_) [[unlikely]]
            adopt_published(cpu);
    }
    // After any number of try_switch_direct(), before a list register is filled: tells the vGIC which pair has the host's PPIs.
    // Preemption off, interrupts on, vGIC synced.
    void catch_up() {
        if (told_hyp_ != hyp_is_direct()) [[unlikely]]
            tell_direct();
    }
    bool hyp_is_direct() const { return hyp_direct_; }
    // Which of the guest's accesses to timers trap now.
    TimerTraps traps() const { return traps_of(guest()); }
    bool has_el2() const { return has_el2_; }
    // The timers that this vCPU has: TimerId below it.
    unsigned count() const { return has_el2_ ? kTimerCount : kEl1TimerCount; }

    TimerContext& context(TimerId id) { return contexts_[index_of(id)]; }
    const TimerContext& context(TimerId id) const { return contexts_[index_of(id)]; }
    TimerId direct(Slot slot) const { return static_cast<TimerId>(index_of(slot) + (hyp_direct_ ? 2 : 0)); }
    u32 host_intid(Slot slot) const { return vm_->host().intid[index_of(slot)]; }
    u32 guest_intid(TimerId id) const { return vm_->ppi(id); }
    bool loaded() const { return loaded_; }

private:
    // Whom the timers serve: what traps depends on this.
    enum class Guest : u8 { kEl1, kVel2, kVel2WithoutE2h };  // kEl1: L2, or a flat guest
    static constexpr Guest kGuests[] = {Guest::kEl1, Guest::kVel2, Guest::kVel2WithoutE2h};
    Guest guest() const {
        return !has_el2_ ? Guest::kEl1 : hyp_direct_ ? Guest::kVel2 : vel2_shares_ ? Guest::kVel2WithoutE2h : Guest::kEl1;
    }
    arch::CNTHCTL_EL2& trap_bits_for(Guest guest) { return trap_bits_[static_cast<unsigned>(guest)]; }
    TimerTraps traps_of(Guest guest) const;
    void follow_l1s_offset(arch::Cpu& cpu);
    void note_fall(arch::Cpu& cpu, Slot slot, bool before);
    void tell_fallen(arch::Cpu& cpu);
    void publish(arch::Cpu& cpu);
    void adopt_published(arch::Cpu& cpu);
    void set_l1_controls(arch::CNTHCTL_EL2 l1);
    void claim_lines(u64 host_count);
    void make_direct(bool hyp) {
        static_assert(index_of(TimerId::kHypVirtual) == 2 && index_of(TimerId::kHypPhysical) == 3);
        hyp_direct_ = hyp;
    }
    void tell_direct();
    struct Live {
        u64 ctl, cval;
    };
    bool may_leave(const TimerContext& t, const Live& live, u64 host_count) const;
    template <Slot kSlot>
    void restore_compare(arch::Cpu& cpu, TimerContext& t, u64 offset);
    inline void save(arch::Cpu& cpu);
    inline void restore_all(arch::Cpu& cpu);
    void sync_watched(arch::Cpu& cpu);
    void flush_changed(arch::Cpu& cpu);
    void reload(arch::Cpu& cpu);
    void shift_regime(arch::Cpu& cpu, bool guest);

    // Does hardware hold host_compare() in place of the guest's CVAL, which is in the context? In the host, hardware compares
    // the physical timer without an offset, and an offset cannot simply be added to CVAL, as the sum may wrap. The virtual
    // timer's CNTVOFF_EL2 acts at every EL.
    bool mirrored(Slot slot) const { return slot == Slot::kPhysical && mirrored(context(direct(slot))); }
    bool mirrored(const TimerContext& physical) const { return !guest_regime_ && physical.loaded_offset != 0; }
    void set_count(TimerId id, u64 value, u64 host_count);
    void set_virtual_count_of_el1();
    void evaluate_soft(u64 host_count, bool always_tell);
    bool soft_changed() const;
    u64 earliest_ticks(u64 host_count) const;
    bool deadline_reached(u64 host_count) const;
    void arm_soft(u64 host_count);
    void cancel_soft();

    VmTimers* vm_ = nullptr;
    IrqLines* lines_ = nullptr;
    TimerContext contexts_[kTimerCount];
    bool has_cntpoff_ = false;   // the machine's, known once loaded
    bool regime_shift_ = false;  // CNTPOFF_EL2 applies an offset other than 0
    bool guest_regime_ = false;
    bool hyp_direct_ = false;    // virtual EL2's pair is in the hardware
    bool vel2_shares_ = false;   // EL1's pair is, and virtual EL2 runs (share_el1_pair()); never with hyp_direct_
    bool publishes_ = false;     // and the cells of the virtual timer's context have to be watched
    bool told_hyp_ = false;      // the pair that the vGIC takes for the hardware's
    bool has_el2_ = false;
    bool enabled_ = false;
    bool loaded_ = false;
    bool irqchip_in_kernel_ = true;
    bool watched_ = false;     // sync has something to look at
    bool soft_armed_ = false;  // the vCPU thread's view: the callback never clears it
    u64 alarm_ = 0;            // the host's count at which the hrtimer fires, while soft_armed_
    bool soft_dirty_ = false;
    bool fell_ = false;        // virtual EL2 has made a timer in hardware stop asserting, and the vGIC does not know (note_fall())
    bool ppi_held_[2] = {};    // no in-kernel GIC: we hold the PPI active, by Slot
    u32 generation_ = 0;
    u64 el2_share_ = 0;        // with virtual EL2: the VM's part of each offset (init_el2()), as of generation_
    Wait wait_{};
    // TIMER_CNT as user space has set it, with virtual EL2, until the vCPU runs or an offset of the VM changes otherwise.
    struct {
        bool holds = false;
        u64 count = 0, at = 0;    // the value, and CNTPCT_EL0 when it was set
        u64 share = 0;            // L1's CNTVOFF_EL2 that it was set with
        u64 physical_before = 0;  // the VM's physical offset before TIMER_CNT was set
        u32 generation = 0;       // of the VM's offsets since
    } set_el1_count_;
    arch::CNTHCTL_EL2 l1_controls_{};   // L1's CNTHCTL_EL2 when L2's pair was made direct
    arch::CNTHCTL_EL2 trap_bits_[3]{};  // by Guest
    // Those before, and what they make of trap_bits_: without VHE L1 changes them for its own EL1 and for L2 in turn.
    arch::CNTHCTL_EL2 l1_controls_before_{}, trap_bits_before_{};
    nest_hrtimer soft_timer_{};
    // Held by put() and by the hrtimer's callback, which may run on another CPU: guards the contexts' levels and the alarm.
    // Innermost; interrupts off.
    RawSpinLock soft_lock_{NEST_LOCK_SOFT_TIMER};
};

inline void VcpuTimers::on_host_irq(arch::Cpu& cpu, Slot slot) {
    if (!loaded_) {
        mask_unowned(cpu, slot);
        lines_->set_physical_active(slot, false);
        return;
    }
    const TimerId id = direct(slot);
    if (!asserted(cpu, id))
        lines_->set_physical_active(slot, false);  // gone again: nobody else will ever deactivate the PPI
    else if (irqchip_in_kernel_)
        lines_->set_level(id, true);
    else
        ppi_held_[index_of(slot)] = true;  // a forwarded PPI stays active by itself
}

inline void VcpuTimers::sync_watched(arch::Cpu& cpu) {
    adopt_stores(cpu);
    if (has_el2_ && !soft_dirty_)
        soft_dirty_ = soft_changed();
    if (irqchip_in_kernel_)
        return;
    for (Slot slot : kSlots) {
        if (!ppi_held_[index_of(slot)] || asserted(cpu, direct(slot)))
            continue;
        ppi_held_[index_of(slot)] = false;
        lines_->set_physical_active(slot, false);
    }
}

inline void VcpuTimers::flush_changed(arch::Cpu& cpu) {
    if (loaded_ && vm_->generation() != generation_) [[unlikely]]
        reload(cpu);
    soft_dirty_ = false;
    if (!has_el2_)
        return;
    if (fell_) [[unlikely]]
        tell_fallen(cpu);
    cancel_soft();
    const u64 now = host_count(cpu);
    evaluate_soft(now, false);
    arm_soft(now);
}

}  // namespace nest::timer

#include <timer/tier0_switch_impl.hpp>
