// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/ioctl/vcpu_attributes.hpp>

#include <base/user_access.hpp>
#include <kvm/abi/ioctl.hpp>
#include <kvm/vm/vm.hpp>

namespace nest::kvm {
namespace {

Status timer_attribute(Vcpu& vcpu, unsigned cmd, const abi::DeviceAttr& attr) {
    timer::VmTimers& timers = vcpu.vm.timers;
    if (cmd == abi::KVM_HAS_DEVICE_ATTR)
        return timer::VmTimers::has_attribute(attr.attr);
    if (cmd == abi::KVM_GET_DEVICE_ATTR)
        return store(attr.addr, static_cast<s32>(NEST_TRY(timers.ppi(attr.attr))));
    if (!vcpu.has_gic())
        return Errno::kInval;
    const s32 intid = NEST_TRY(fetch<s32>(attr.addr));
    Guard guard(vcpu.vm.lock);
    return timers.set_ppi(vcpu.has_gic(), attr.attr, intid);
}

Status stolen_time_attribute(Vcpu& vcpu, unsigned cmd, const abi::DeviceAttr& attr) {
    constexpr bool kSupported = true;  // Linux keeps run delays wherever it can host VMs
    if (cmd == abi::KVM_HAS_DEVICE_ATTR)
        return PvTime::has_attribute(kSupported, attr.attr);
    if (cmd == abi::KVM_GET_DEVICE_ATTR)
        return store(attr.addr, NEST_TRY(vcpu.pvtime.ipa(kSupported, attr.attr)));
    const u64 ipa = NEST_TRY(fetch<u64>(attr.addr));
    ReadGuard guard(vcpu.vm.slots_lock);
    return vcpu.pvtime.set_ipa(kSupported, attr.attr, ipa, vcpu.vm.slots.find(ipa >> arch::kPageShift) != nullptr);
}

// No vCPU has a PMU: the errors are those of Linux's KVM for a vCPU without KVM_ARM_VCPU_PMU_V3.
Status pmu_attribute(const Vcpu& vcpu, unsigned cmd, const abi::DeviceAttr& attr) {
    if (cmd == abi::KVM_SET_DEVICE_ATTR)
        return Errno::kNoDev;
    if (cmd == abi::KVM_HAS_DEVICE_ATTR || attr.attr != abi::KVM_ARM_VCPU_PMU_V3_IRQ)
        return Errno::kNxIo;
    return vcpu.has_gic() ? Errno::kNoDev : Errno::kInval;
}

}  // namespace

Status vcpu_attribute(Vcpu& vcpu, unsigned cmd, const abi::DeviceAttr& attr) {
    switch (attr.group) {
    case abi::KVM_ARM_VCPU_PMU_V3_CTRL:
        return pmu_attribute(vcpu, cmd, attr);
    case abi::KVM_ARM_VCPU_TIMER_CTRL:
        return timer_attribute(vcpu, cmd, attr);
    case abi::KVM_ARM_VCPU_PVTIME_CTRL:
        return stolen_time_attribute(vcpu, cmd, attr);
    default:
        return Errno::kNxIo;
    }
}

}  // namespace nest::kvm
