// SPDX-License-Identifier: GPL-2.0-only
#include <timer/hardware.hpp>

namespace nest::timer {

bool offset_acts(arch::Cpu& cpu) {
    using namespace arch;
    constexpr u64 kWaits = u64{1} << 62;
    const auto hcr = cpu.read<HCR_EL2>();
    const auto control = cpu.read<CNTHCTL_EL2>();
    cpu.write(CNTHCTL_EL2::of(control.raw).with<CNTHCTL_EL2::ECV>(1));
    cpu.write(hcr.with<HCR_EL2::TGE>(0));
    cpu.isb();
    // With this offset the count is 2^63 and more, so that the timer's condition is met only if the offset acts.
    cpu.write(CNTPOFF_EL2::of(kWaits << 1));
    write_cval(cpu, Slot::kPhysical, kWaits);
    cpu.isb();
    write_ctl(cpu, Slot::kPhysical, kCtlEnable | kCtlIMask);
    cpu.isb();
    const bool acts = read_ctl(cpu, Slot::kPhysical) & kCtlIStatus;
    write_ctl(cpu, Slot::kPhysical, 0);
    cpu.write(CNTPOFF_EL2::of(0));
    cpu.write(hcr);
    cpu.write(control);
    cpu.isb();
    return acts;
}

void quiesce_cpu(arch::Cpu& cpu) {
    write_ctl(cpu, Slot::kVirtual, 0);
    write_ctl(cpu, Slot::kPhysical, 0);
    cpu.isb();
}

bool mask_unowned(arch::Cpu& cpu, Slot slot) {
    const u64 ctl = read_ctl(cpu, slot);
    if (!asserts(ctl))
        return false;
    write_ctl(cpu, slot, (ctl & kCtlWritable) | kCtlIMask);
    cpu.isb();
    return true;
}

}  // namespace nest::timer
