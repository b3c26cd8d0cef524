// SPDX-License-Identifier: GPL-2.0-only
#include <timer/vcpu_timers.hpp>

namespace nest::timer {

// L1 without E2H writes CNTVOFF_EL2 to the VNCR page, and EL1's virtual timer, which is in hardware, at virtual EL2. Between the two
// hardware would compare the new CVAL by the old offset, and might assert.
void VcpuTimers::follow_l1s_offset(arch::Cpu& cpu) {
    TimerContext& t = context(TimerId::kVirtual);
    const u64 offset = t.offset();
    if (offset == t.loaded_offset) [[likely]]
        return;
    const bool before = asserts(read_ctl(cpu, Slot::kVirtual));
    t.loaded_offset = offset;
    cpu.write(arch::CNTVOFF_EL2::of(offset));
    cpu.isb();
    note_fall(cpu, Slot::kVirtual, before);
}

// The vGIC takes an interrupt back that L1 has not acknowledged: hypervisors mask a guest's timer when they take its interrupt, and
// one that comes after they have saved and stopped the timer for another guest would mask that one's timer, for ever.
void VcpuTimers::note_fall(arch::Cpu& cpu, Slot slot, bool before) { fell_ |= before && !asserts(read_ctl(cpu, slot)); }

u64 VcpuTimers::read_register(arch::Cpu& cpu, TimerAccess access) {
    if (vel2_shares_) [[unlikely]]
        follow_l1s_offset(cpu);
    const TimerContext& t = context(access.id);
    const Slot slot = slot_of(access.id);
    const u64 offset = t.in_hardware ? t.loaded_offset : t.offset();
    if (access.reg == TimerReg::kCount)
        return host_count(cpu) - offset;
    if (access.reg == TimerReg::kControl)
        return t.in_hardware ? read_ctl(cpu, slot) : t.ctl_at(host_count(cpu));
    const u64 cval = t.in_hardware && !mirrored(slot) ? read_cval(cpu, slot) : t.cval();
    return access.reg == TimerReg::kCompare ? cval : tval_of(cval, host_count(cpu) - offset);
}

void VcpuTimers::write_register(arch::Cpu& cpu, TimerAccess access, u64 value) {
    if (access.reg == TimerReg::kCount)
        return;
    if (vel2_shares_) [[unlikely]]
        follow_l1s_offset(cpu);
    TimerContext& t = context(access.id);
    const Slot slot = slot_of(access.id);
    const u64 offset = t.in_hardware ? t.loaded_offset : t.offset();
    if (access.reg == TimerReg::kValue)
        value = cval_of_tval(value, host_count(cpu) - offset);
    if (!t.in_hardware) {
        if (access.reg == TimerReg::kControl)
            t.set_ctl(value & kCtlWritable);
        else
            t.set_cval(value);
        soft_dirty_ = true;
        return;
    }
    const bool before = vel2_shares_ && asserts(read_ctl(cpu, slot));
    if (access.reg == TimerReg::kControl) {
        write_ctl(cpu, slot, value & kCtlWritable);
    } else if (mirrored(slot)) {
        t.set_cval(value);
        write_cval(cpu, slot, t.host_compare(host_count(cpu)));
    } else {
        write_cval(cpu, slot, value);
    }
    cpu.isb();  // ISTATUS is right when the vGIC asks before the entry
    if (before) [[unlikely]]
        note_fall(cpu, slot, before);
}

bool VcpuTimers::update_device_irq_level(arch::Cpu& cpu, u64& level) {
    const u64 now = (asserted(cpu, TimerId::kVirtual) ? kDeviceIrqVtimer : 0) |
                    (asserted(cpu, TimerId::kPhysical) ? kDeviceIrqPtimer : 0);
    const u64 changed = (level ^ now) & (kDeviceIrqVtimer | kDeviceIrqPtimer);
    level ^= changed;
    return changed != 0;
}

}  // namespace nest::timer
