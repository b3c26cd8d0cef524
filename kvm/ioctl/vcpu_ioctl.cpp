// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/ioctl/vcpu_ioctl.hpp>

#include <base/new_fd.hpp>
#include <base/user_access.hpp>
#include <kvm/abi/ioctl.hpp>
#include <kvm/ioctl/register_providers.hpp>
#include <kvm/ioctl/stats_fd.hpp>
#include <kvm/ioctl/vcpu_attributes.hpp>
#include <kvm/one_reg/one_reg.hpp>
#include <kvm/one_reg/vcpu_events.hpp>
#include <kvm/run/run.hpp>
#include <kvm/run/vcpu_reset.hpp>
#include <kvm/sysreg/reset.hpp>
#include <kvm/vm/machine.hpp>
#include <kvm/vm/vm.hpp>

namespace nest::kvm {
namespace {

using namespace abi;

Status get_mp_state(Vcpu& vcpu, u64 user) {
    switch (vcpu.power.get()) {
    case PowerState::kStopped:
        return store(user, MpState{KVM_MP_STATE_STOPPED});
    case PowerState::kSuspended:
        return store(user, MpState{KVM_MP_STATE_SUSPENDED});
    case PowerState::kRunnable:
        break;
    }
    return store(user, MpState{KVM_MP_STATE_RUNNABLE});
}

Status set_mp_state(Vcpu& vcpu, const MpState& state) {
    Guard guard(vcpu.power.lock);
    switch (state.mp_state) {
    case KVM_MP_STATE_RUNNABLE:
        vcpu.power.set(PowerState::kRunnable);
        return kOk;
    case KVM_MP_STATE_STOPPED:
        vcpu.power.set(PowerState::kStopped);
        return kOk;
    case KVM_MP_STATE_SUSPENDED:
        vcpu.power.set(PowerState::kSuspended);
        return kOk;
    default:
        return Errno::kInval;
    }
}

Status set_signal_mask(Vcpu& vcpu, u64 user) {
    if (!user) {
        (void)nest_port_sigmask_set(vcpu.host, 0, 0, true);
        return kOk;
    }
    const auto mask = NEST_TRY(fetch<SignalMask>(user));
    const int error = nest_port_sigmask_set(vcpu.host, user + sizeof(SignalMask), mask.len, false);
    return error ? Status(static_cast<Errno>(-error)) : kOk;
}

// Carries out a reset that a CPU_ON has requested: an ioctl must neither see the registers and events of before, nor set any
// that the reset would drop. The vCPU's mutex held.
void settle(Vcpu& vcpu) {
    if (vcpu.take_request(Request::kReset))
        reset_for_cpu_on(vcpu);
}

// Events for a vCPU that is not initialised are only checked: the first reset would drop them.
Status set_events(Vcpu& vcpu, const VcpuEvents& events) {
    NEST_TRY(check_vcpu_events(events, machine().traps.ras));
    if (!vcpu.initialized)
        return kOk;
    settle(vcpu);
    if (events.ext_dabt_pending)
        vcpu.mmio.abandon();
    set_vcpu_events(vcpu, events, vcpu.mmio.pending());
    return kOk;
}

Status get_events(Vcpu& vcpu, u64 user) {
    if (vcpu.initialized)
        settle(vcpu);
    return store(user, get_vcpu_events(vcpu, machine().traps.ras));
}

// Of the features SVE alone needs it.
Status finalize(Vcpu& vcpu, u64 user) {
    if (!vcpu.initialized)
        return Errno::kNoExec;
    const s32 feature = NEST_TRY(fetch<s32>(user));
    if (feature != static_cast<s32>(KVM_ARM_VCPU_SVE) || !vcpu.sve.present())
        return Errno::kInval;
    NEST_TRY(vcpu.sve.finalise());
    vcpu.vel2.sve_len = static_cast<u8>(vcpu.sve.max_vq() - 1);
    return kOk;
}

// After the VMM may have set any register: the vGIC and the timers have to know MPIDR_EL1 and CNTVOFF_EL2.
void registers_were_set(Vcpu& vcpu) {
    if (vcpu.has_gic())
        vcpu.vm.gic.distributor()->set_affinity(vcpu.gic, vcpu.regs.get(arch::SysReg::MPIDR_EL1));
    vcpu.timers.virtual_offset_was_set();
}

Status registers(Vcpu& vcpu, unsigned cmd, u64 arg) {
    if (!vcpu.initialized)
        return Errno::kNoExec;
    settle(vcpu);
    Providers providers(vcpu);
    if (cmd == KVM_GET_REG_LIST)
        return get_reg_list(vcpu, providers.span(), arg);
    const auto request = NEST_TRY(fetch<OneReg>(arg));
    if (cmd == KVM_GET_ONE_REG)
        return get_one_reg(vcpu, providers.span(), request);
    NEST_TRY(set_one_reg(vcpu, providers.span(), request));
    registers_were_set(vcpu);
    return kOk;
}

Status ioctl(Vcpu& vcpu, unsigned cmd, u64 arg) {
    switch (cmd) {
    case KVM_RUN:
        return arg ? Status(Errno::kInval) : run(vcpu);
    case KVM_ARM_VCPU_INIT:
        return initialize(vcpu, NEST_TRY(fetch<VcpuInit>(arg)));
    case KVM_GET_ONE_REG:
    case KVM_SET_ONE_REG:
    case KVM_GET_REG_LIST:
        return registers(vcpu, cmd, arg);
    case KVM_GET_MP_STATE:
        return get_mp_state(vcpu, arg);
    case KVM_SET_MP_STATE:
        return set_mp_state(vcpu, NEST_TRY(fetch<MpState>(arg)));
    case KVM_SET_SIGNAL_MASK:
        return set_signal_mask(vcpu, arg);
    case KVM_SET_GUEST_DEBUG:
        return set_guest_debug(vcpu, NEST_TRY(fetch<GuestDebug>(arg)));
    case KVM_GET_VCPU_EVENTS:
        return get_events(vcpu, arg);
    case KVM_SET_VCPU_EVENTS:
        return set_events(vcpu, NEST_TRY(fetch<VcpuEvents>(arg)));
    case KVM_SET_DEVICE_ATTR:
    case KVM_GET_DEVICE_ATTR:
    case KVM_HAS_DEVICE_ATTR:
        return vcpu_attribute(vcpu, cmd, NEST_TRY(fetch<DeviceAttr>(arg)));
    case KVM_ARM_VCPU_FINALIZE:
        return finalize(vcpu, arg);
    default:
        return Errno::kInval;
    }
}

}  // namespace

long vcpu_ioctl(Vcpu& vcpu, unsigned cmd, u64 arg) {
    if (!nest_port_vm_is_ours(vcpu.vm.host) || vcpu.vm.dead.load_acquire())
        return to_abi(Status(Errno::kIo));
    if (cmd == KVM_GET_STATS_FD)
        return to_abi(stats_fd(vcpu));
    if (!vcpu.mutex.lock_killable())
        return to_abi(Status(Errno::kIntr));
    const Status status = ioctl(vcpu, cmd, arg);
    vcpu.mutex.unlock();
    return to_abi(status);
}

}  // namespace nest::kvm
