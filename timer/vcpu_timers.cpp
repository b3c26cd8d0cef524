// SPDX-License-Identifier: GPL-2.0-only
#include <timer/vcpu_timers.hpp>

#include <utility>

namespace nest::timer {
namespace {

// The kernel's time is signed ns: a longer sleep is cut, and the callback starts the next one.
constexpr u64 kLongestSleepNs = u64{1} << 60;

constexpr u64 min(u64 a, u64 b) { return a < b ? a : b; }

}  // namespace

void VcpuTimers::init(VmTimers& vm, IrqLines& lines, void* owner, unsigned which) {
    vm_ = &vm;
    lines_ = &lines;
    context(TimerId::kVirtual).set_offset_source(&vm.virtual_offset(), nullptr);
    for (TimerId id : {TimerId::kPhysical, TimerId::kHypVirtual, TimerId::kHypPhysical})
        context(id).set_offset_source(&vm.physical_offset(), nullptr);
    nest_port_hrtimer_init(&soft_timer_, owner, which);
}

void VcpuTimers::init_el2(const u64* cntvoff) {
    has_el2_ = true;
    // The virtual offset is L1's CNTVOFF_EL2, on top of L1's own physical count.
    context(TimerId::kVirtual).set_offset_source(&vm_->physical_offset(), cntvoff);
    make_direct(true);
    told_hyp_ = true;
    watched_ = true;
}

Status VcpuTimers::enable(bool irqchip_in_kernel) {
    if (enabled_)
        return kOk;
    if (irqchip_in_kernel)
        NEST_TRY(vm_->freeze_ppis(count()));
    irqchip_in_kernel_ = irqchip_in_kernel;
    watched_ = has_el2_ || !irqchip_in_kernel;
    enabled_ = true;
    return kOk;
}

void VcpuTimers::reset() {
    NEST_BUG_ON(loaded_);
    cancel_soft();
    for (unsigned i = 0; i < count(); i++) {
        contexts_[i].set_ctl(0);
        contexts_[i].level = false;
        if (enabled_ && irqchip_in_kernel_)
            lines_->set_level(static_cast<TimerId>(i), false);
    }
    soft_dirty_ = false;
}

void VcpuTimers::terminate() { cancel_soft(); }

// The timers that are about to own the hardware tell the vGIC where they stand. One that asserts keeps the host's PPI
// active until the guest has handled it.
void VcpuTimers::claim_lines(u64 host_count) {
    for (Slot slot : kSlots) {
        const TimerId id = direct(slot);
        const bool fires = context(id).should_fire(host_count);
        if (irqchip_in_kernel_) {
            // The vGIC may have to inject at once; if the timer expires between here and restore_all(), the PPI comes.
            lines_->set_level(id, fires);
            lines_->set_physical_active(slot, fires || lines_->vgic_active_or_pending(id));
        } else {
            ppi_held_[index_of(slot)] = fires;
            lines_->set_physical_active(slot, fires);
        }
    }
}

bool VcpuTimers::soft_changed() const {
    for (unsigned i = 0; i < count(); i++) {
        const TimerContext& t = contexts_[i];
        // The hrtimer's callback raises a level, but leaves ISTATUS to this thread: the guest writes the same cell.
        if (!t.in_hardware && (t.changed() || (t.level && !(t.ctl() & kCtlIStatus))))
            return true;
    }
    return false;
}

// Only where no callback can run: the hrtimer is cancelled, so that this is the last word on each level.
void VcpuTimers::evaluate_soft(u64 host_count, bool always_tell) {
    for (unsigned i = 0; i < count(); i++) {
        TimerContext& t = contexts_[i];
        if (t.in_hardware)
            continue;
        const bool level = t.should_fire(host_count);
        t.set_ctl(t.ctl_at(host_count));
        t.remember();
        if (level == t.level && !always_tell)
            continue;
        t.level = level;
        if (irqchip_in_kernel_)
            lines_->set_level(static_cast<TimerId>(i), level);
    }
}

bool VcpuTimers::deadline_reached(u64 host_count) const {
    return wait_.has_deadline && context(direct(Slot::kVirtual)).guest_count(host_count) >= wait_.deadline;
}

u64 VcpuTimers::earliest_ticks(u64 host_count) const {
    u64 ticks = kNever;
    for (unsigned i = 0; i < count(); i++) {
        const TimerContext& t = contexts_[i];
        // A timer whose level the vGIC knows to be high needs no further alarm, whether its interrupt gets through or not.
        if (t.in_hardware || !t.may_fire() || t.level)
            continue;
        ticks = min(ticks, min(t.ticks_left(host_count), kNever - 1));
    }
    if (wait_.has_deadline) {
        const u64 now = context(direct(Slot::kVirtual)).guest_count(host_count);
        ticks = min(ticks, deadline_reached(host_count) ? 0 : wait_.deadline - now);
    }
    return ticks;
}

void VcpuTimers::arm_soft(u64 host_count) {
    const u64 ticks = earliest_ticks(host_count);
    if (ticks == kNever)
        return;
    soft_armed_ = true;
    alarm_ = host_count + ticks < host_count ? kNever : host_count + ticks;
    nest_port_hrtimer_start(&soft_timer_, min(vm_->host().scale.to_ns(ticks), kLongestSleepNs));
}

// What has to trap, given the offsets that the hardware holds.
TimerTraps VcpuTimers::traps_of(Guest guest) const {
    const bool cntpoff = vm_->host().cntpoff;
    // Without CNTPOFF_EL2 software adds and subtracts a physical offset, so that every access has to trap.
    const bool ours = context(direct(Slot::kPhysical)).loaded_offset != 0 && !cntpoff;
    TimerTraps t;
    t.offset_physical = cntpoff;
    t.physical_timer = t.physical_counter = ours;
    // NV2 turns vEL2's EL02 accesses into memory; FEAT_ECV can trap them, so that ISTATUS is true and CTL acts at once.
    t.virtual_timer_el02 = t.physical_timer_el02 = guest == Guest::kVel2 && vm_->host().ecv;
    // Without E2H this goes for the plain names; those of the physical timer trap without FEAT_ECV, too.
    if (guest == Guest::kVel2WithoutE2h) {
        t.physical_timer = true;
        t.virtual_timer = vm_->host().ecv;
    }
    return has_el2_ && guest == Guest::kEl1 ? merged(t, l1_controls_) : t;
}

void VcpuTimers::set_l1_controls(arch::CNTHCTL_EL2 l1) {
    arch::CNTHCTL_EL2& bits = trap_bits_for(Guest::kEl1);
    std::swap(l1_controls_, l1_controls_before_);
    std::swap(bits, trap_bits_before_);
    if (l1_controls_ == l1)
        return;
    l1_controls_ = l1;
    bits = trap_bits(traps_of(Guest::kEl1));
}

void VcpuTimers::tell_direct() {
    told_hyp_ = hyp_is_direct();
    if (!irqchip_in_kernel_)
        return;
    for (Slot slot : kSlots) {
        const unsigned left = index_of(direct(slot)) ^ 2;  // kVirtual and kHypVirtual, kPhysical and kHypPhysical
        lines_->change_hands(slot, static_cast<TimerId>(left), direct(slot));
    }
}

void VcpuTimers::cancel_soft() {
    if (!soft_armed_)
        return;
    nest_port_hrtimer_cancel(&soft_timer_);
    soft_armed_ = false;
}

u64 VcpuTimers::get_one_reg(TimerAccess access, u64 host_count) const {
    const TimerContext& t = context(access.id);
    switch (access.reg) {
    case TimerReg::kCount: return t.guest_count(host_count);
    case TimerReg::kCompare: return t.cval();
    case TimerReg::kControl: return t.ctl_at(host_count);  // t.ctl() has the ISTATUS of the last put()
    case TimerReg::kValue: break;
    }
    return tval_of(t.cval(), t.guest_count(host_count));
}

void VcpuTimers::set_one_reg(TimerAccess access, u64 value, u64 host_count) {
    NEST_BUG_ON(loaded_);
    TimerContext& t = context(access.id);
    switch (access.reg) {
    case TimerReg::kCount: set_count(access.id, value, host_count); break;
    case TimerReg::kCompare: t.set_cval(value); break;
    case TimerReg::kControl: t.set_ctl(value & kCtlWritable); break;
    case TimerReg::kValue: t.set_cval(cval_of_tval(value, t.guest_count(host_count))); break;
    }
}

void VcpuTimers::set_count(TimerId id, u64 value, u64 host_count) {
    if (!has_el2_) {
        if (slot_of(id) == Slot::kVirtual)
            vm_->set_virtual_count(value, host_count);
        else
            vm_->set_physical_count(value, host_count);
        return;
    }
    set_el1_count_ = {};
    if (id != TimerId::kVirtual) {
        vm_->set_el2_count(value, host_count);
        return;
    }
    set_el1_count_.count = value;
    set_el1_count_.at = host_count;
    set_el1_count_.physical_before = vm_->physical_offset().load_relaxed();
    set_virtual_count_of_el1();
}

// CNTVOFF_EL2 is L1's, and stays: EL1's virtual count is set by moving the physical count that both start from.
void VcpuTimers::set_virtual_count_of_el1() {
    auto& set = set_el1_count_;
    set.share = context(TimerId::kVirtual).vcpu_share();
    vm_->set_el2_count(set.count + set.share, set.at);
    set.generation = vm_->generation();
    set.holds = true;
}

void VcpuTimers::virtual_offset_was_set() {
    auto& set = set_el1_count_;
    if (!set.holds || set.share == context(TimerId::kVirtual).vcpu_share() || set.generation != vm_->generation())
        return;
    // Starts from the physical offset before TIMER_CNT was set, as set_el2_count() decides anew whether the VM gets an offset.
    vm_->restore_physical_offset(set.physical_before);
    set_virtual_count_of_el1();
}

}  // namespace nest::timer
