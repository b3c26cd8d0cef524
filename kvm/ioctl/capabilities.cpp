// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/ioctl/capabilities.hpp>

#include <kvm/abi/registers.hpp>
#include <kvm/sysreg/reset.hpp>
#include <kvm/vm/machine.hpp>
#include <kvm/vm/vm.hpp>

namespace nest::kvm {

namespace {

using namespace abi;

constexpr u32 kGuestDebugFlags = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP | KVM_GUESTDBG_USE_SW_BP | KVM_GUESTDBG_USE_HW;

unsigned vcpus_recommended() { return nest_port_cpus_online() < kMaxVcpus ? nest_port_cpus_online() : kMaxVcpus; }
bool has_vcpu_feature(u32 feature) { return machine().vcpu_features() >> feature & 1; }

long check_extension(Vm* vm, u64 capability) {
    switch (capability) {
#define CAPABILITY(name, number, answer) \
    case name: return static_cast<long>(answer);
#include <kvm/abi/capabilities.def>
#undef CAPABILITY
    default: return 0;
    }
}

}  // namespace

long check_extension(u64 capability) { return check_extension(nullptr, capability); }
long check_extension(Vm& vm, u64 capability) { return check_extension(&vm, capability); }

Status enable_capability(Vm& vm, const abi::EnableCap& cap) {
    if (cap.flags)
        return Errno::kInval;
    switch (cap.cap) {
    case KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2:
        return vm.slots.enable_manual_dirty_log(cap);
    case KVM_CAP_DIRTY_LOG_RING_ACQ_REL: {
        Guard guard(vm.lock);   // against KVM_CREATE_VCPU: the first vCPU finds the size settled
        return vm.online() ? Status(Errno::kInval) : vm.slots.set_ring_bytes(cap.args[0]);
    }
    case KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP:
        return vm.slots.keep_bitmaps_beside_rings();
    case KVM_CAP_ARM_EAGER_SPLIT_CHUNK_SIZE:
        return vm.slots.set_split_chunk(cap.args[0]);
    case KVM_CAP_HALT_POLL:
        return vm.halt_poll.set(cap.args[0]);
    case KVM_CAP_ARM_NISV_TO_USER:
        vm.nisv_to_user = true;
        return kOk;
    case KVM_CAP_ARM_SYSTEM_SUSPEND:
        vm.smccc.system_suspend.store_relaxed(1);
        return kOk;
    case KVM_CAP_ARM_WRITABLE_IMP_ID_REGS: {
        Guard guard(vm.lock);
        if (vm.online())
            return Errno::kBusy;
        vm.ids.allow_implementation_ids();
        return kOk;
    }
    default:
        return Errno::kInval;
    }
}

}  // namespace nest::kvm
