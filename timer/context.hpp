// SPDX-License-Identifier: GPL-2.0-only
// One timer of a vCPU: its registers as the guest sees them, and the arithmetic of [DDI0487] D12.2.4.
#pragma once
#include <base/atomic.hpp>
#include <base/types.hpp>

namespace nest::timer {

// In the order of KVM_ARM_VCPU_TIMER_IRQ_*; even ones use the virtual hardware timer, odd ones the physical.
enum class TimerId : u8 { kVirtual, kPhysical, kHypVirtual, kHypPhysical };
inline constexpr unsigned kTimerCount = 4;
inline constexpr unsigned kEl1TimerCount = 2;  // all that a guest without EL2 has

// The two EL1 timers of the machine, which a loaded vCPU owns.
enum class Slot : u8 { kVirtual, kPhysical };
inline constexpr Slot kSlots[] = {Slot::kVirtual, Slot::kPhysical};

constexpr unsigned index_of(TimerId id) { return static_cast<unsigned>(id); }
constexpr unsigned index_of(Slot slot) { return static_cast<unsigned>(slot); }
constexpr Slot slot_of(TimerId id) { return static_cast<Slot>(index_of(id) & 1); }

// CNTx_CTL, [DDI0487] D24.10.16
inline constexpr u64 kCtlEnable = 1;
inline constexpr u64 kCtlIMask = 2;
inline constexpr u64 kCtlIStatus = 4;
inline constexpr u64 kCtlWritable = kCtlEnable | kCtlIMask;

// The output signal that a control value with an up-to-date ISTATUS describes.
constexpr bool asserts(u64 ctl) { return (ctl & (kCtlEnable | kCtlIMask | kCtlIStatus)) == (kCtlEnable | kCtlIStatus); }

// A timer's registers live in its context, or in the vCPU's VNCR page where FEAT_NV2 makes the guest's accesses loads and
// stores. While in_hardware they are stale, and the machine's registers have the values. Owned by the vCPU's thread.
class TimerContext {
public:
    TimerContext() = default;
    TimerContext(const TimerContext&) = delete;
    TimerContext& operator=(const TimerContext&) = delete;

    u64 ctl() const { return *ctl_; }
    u64 cval() const { return *cval_; }
    void set_ctl(u64 value) { *ctl_ = value; }
    void set_cval(u64 value) { *cval_ = value; }
    // Moves the registers to the given cells, keeping their values. The cells must outlive the context.
    void bind_storage(u64* ctl, u64* cval) {
        *ctl = *ctl_;
        *cval = *cval_;
        ctl_ = ctl;
        cval_ = cval;
    }

    // The guest's count is the machine's physical count minus offset(): the VM's share plus L1's CNTVOFF_EL2.
    void set_offset_source(const Atomic<u64>* vm, const u64* vcpu) {
        vm_offset_ = vm;
        vcpu_offset_ = vcpu ? vcpu : &kNoShare;
    }
    u64 offset() const { return vm_offset_->load_relaxed() + *vcpu_offset_; }
    u64 vcpu_share() const { return *vcpu_offset_; }
    u64 guest_count(u64 host_count) const { return host_count - offset(); }

    bool may_fire() const { return (ctl() & kCtlWritable) == kCtlEnable; }
    // The comparison is unsigned and of all 64 bits: a CVAL "behind" 0 is in the far future.
    bool condition_met(u64 host_count) const { return guest_count(host_count) >= cval(); }
    bool should_fire(u64 host_count) const { return may_fire() && condition_met(host_count); }
    // CNTx_CTL as a read gives it at that moment. ISTATUS is UNKNOWN with ENABLE clear: 0 here.
    u64 ctl_at(u64 host_count) const {
        const bool status = (ctl() & kCtlEnable) && condition_met(host_count);
        return (ctl() & kCtlWritable) | (status ? kCtlIStatus : 0);
    }
    // Ticks until the condition is met, 0 when it is met; whether the timer may then signal says may_fire().
    u64 ticks_left(u64 host_count) const {
        const u64 now = guest_count(host_count);
        return now >= cval() ? 0 : cval() - now;
    }

    // The value that makes a comparator without offset act as one with loaded_offset from now on, as both counts only
    // go up. Adding the offset to CVAL would wrap, for a CVAL long past or an offset below zero.
    u64 host_compare(u64 host_count) const {
        const u64 now = host_count - loaded_offset;
        if (now >= cval())
            return 0;
        const u64 deadline = host_count + (cval() - now);
        return deadline < host_count ? ~u64{0} : deadline;
    }

    // Has someone written the cells, or has L1 moved the offset, since remember()?
    bool changed() const { return ctl_changed() || cval_changed() || offset() != seen_offset_; }
    bool ctl_changed() const { return (ctl() & kCtlWritable) != seen_ctl_; }
    bool cval_changed() const { return cval() != seen_cval_; }
    void remember() {
        seen_ctl_ = ctl() & kCtlWritable;
        seen_cval_ = cval();
        seen_offset_ = offset();
    }

    // Takes what the hardware held into the cells; changed() does not count that as a write by somebody else.
    void become_soft(u64 ctl, u64 cval) {
        *ctl_ = ctl;
        *cval_ = cval;
        seen_ctl_ = ctl & kCtlWritable;
        seen_cval_ = cval;
        seen_offset_ = loaded_offset;  // L1 can move L2's offset only at virtual EL2; the VM's has VmTimers::generation()
        in_hardware = false;
    }

    bool in_hardware = false;
    bool level = false;      // what the vGIC was last told, for a context that is not in hardware
    u64 loaded_offset = 0;   // the offset that the hardware's registers were written with

private:
    u64 own_ctl_ = 0;
    u64 own_cval_ = 0;
    u64* ctl_ = &own_ctl_;
    u64* cval_ = &own_cval_;
    static constexpr u64 kNoShare = 0;
    static constexpr Atomic<u64> kNoOffset{};
    const Atomic<u64>* vm_offset_ = &kNoOffset;
    const u64* vcpu_offset_ = &kNoShare;
    u64 seen_ctl_ = 0;
    u64 seen_cval_ = 0;
    u64 seen_offset_ = 0;
};

// TVAL is a signed 32-bit window on CVAL: [DDI0487] D12.2.4.2.
constexpr u64 tval_of(u64 cval, u64 guest_count) { return static_cast<u32>(cval - guest_count); }
constexpr u64 cval_of_tval(u64 tval, u64 guest_count) {
    return guest_count + static_cast<u64>(static_cast<s64>(static_cast<s32>(static_cast<u32>(tval))));
}

}  // namespace nest::timer
