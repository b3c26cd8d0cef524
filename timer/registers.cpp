// SPDX-License-Identifier: GPL-2.0-only
#include <timer/vcpu_timers.hpp>

namespace nest::timer {

u64 VcpuTimers::read_register(arch::Cpu& cpu, TimerAccess access) {
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
    if (access.reg == TimerReg::kControl) {
        write_ctl(cpu, slot, value & kCtlWritable);
    } else if (mirrored(slot)) {
        t.set_cval(value);
        write_cval(cpu, slot, t.host_compare(host_count(cpu)));
    } else {
        write_cval(cpu, slot, value);
    }
    cpu.isb();  // ISTATUS is right when the vGIC asks before the entry
}

bool VcpuTimers::update_device_irq_level(arch::Cpu& cpu, u64& level) {
    const u64 now = (asserted(cpu, TimerId::kVirtual) ? kDeviceIrqVtimer : 0) |
                    (asserted(cpu, TimerId::kPhysical) ? kDeviceIrqPtimer : 0);
    const u64 changed = (level ^ now) & (kDeviceIrqVtimer | kDeviceIrqPtimer);
    level ^= changed;
    return changed != 0;
}

}  // namespace nest::timer
