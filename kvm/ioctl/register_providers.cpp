// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/ioctl/register_providers.hpp>

#include <kvm/firmware/smccc_registers.hpp>
#include <kvm/vm/vm.hpp>
#include <timer/access.hpp>
#include <timer/hardware.hpp>

namespace nest::kvm {
namespace {

constexpr u64 timer_id(u16 encoding) {
    return abi::KVM_REG_ARM64 | abi::KVM_REG_SIZE_U64 | abi::KVM_REG_ARM64_SYSREG | encoding;
}

bool has_el2(const Vcpu& vcpu) { return vcpu.has_feature(abi::KVM_ARM_VCPU_HAS_EL2); }
bool psci_0_2(const Vcpu& vcpu) { return vcpu.has_feature(abi::KVM_ARM_VCPU_PSCI_0_2); }

std::optional<timer::TimerAccess> timer_of(const Vcpu& vcpu, u64 id) {
    if (id != timer_id(static_cast<u16>(id)))
        return std::nullopt;
    return timer::timer_one_reg(static_cast<u16>(id), has_el2(vcpu));
}

constexpr unsigned kFlatTimers = 6;  // the rows of timer::kTimerOneRegs, at its beginning, that need no EL2
constexpr unsigned kAllTimers = sizeof(timer::kTimerOneRegs) / sizeof(timer::kTimerOneRegs[0]);

}  // namespace

unsigned TimerRegisters::count() const { return has_el2(vcpu_) ? kAllTimers : kFlatTimers; }
u64 TimerRegisters::id(unsigned index) const { return timer_id(timer::kTimerOneRegs[index].encoding); }

Result<u64> TimerRegisters::get(u64 id) {
    const auto access = timer_of(vcpu_, id);
    if (!access)
        return Errno::kNoEnt;
    return vcpu_.timers.get_one_reg(*access, timer::host_count(cpu()));
}

Status TimerRegisters::set(u64 id, u64 value) {
    const auto access = timer_of(vcpu_, id);
    if (!access)
        return Errno::kNoEnt;
    vcpu_.timers.set_one_reg(*access, value, timer::host_count(cpu()));
    return kOk;
}

unsigned FirmwareRegisters::count() const { return sizeof(kFirmwareRegisters) / sizeof(kFirmwareRegisters[0]); }
u64 FirmwareRegisters::id(unsigned index) const { return kFirmwareRegisters[index]; }

Result<u64> FirmwareRegisters::get(u64 id) { return get_firmware_register(vcpu_.vm.smccc, psci_0_2(vcpu_), id); }

Status FirmwareRegisters::set(u64 id, u64 value) {
    Guard guard(vcpu_.vm.lock);
    return set_firmware_register(vcpu_.vm.smccc, psci_0_2(vcpu_), vcpu_.vm.has_run, id, value);
}

}  // namespace nest::kvm
