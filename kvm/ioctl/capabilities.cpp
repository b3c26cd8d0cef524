// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/ioctl/capabilities.hpp>

#include <kvm/abi/registers.hpp>
#include <kvm/sysreg/reset.hpp>
#include <kvm/vm/machine.hpp>
#include <kvm/vm/vm.hpp>

namespace nest::kvm {

namespace {

// Of these there is nothing to say but that they are there, on any machine.
bool always_there(u64 capability) {
    using namespace abi;
    switch (capability) {
    case KVM_CAP_IRQCHIP:
    case KVM_CAP_USER_MEMORY:
    case KVM_CAP_USER_MEMORY2:
    case KVM_CAP_MP_STATE:
    case KVM_CAP_COALESCED_MMIO:  // the page after kvm_run
    case KVM_CAP_COALESCED_PIO:
    case KVM_CAP_SYNC_MMU:
    case KVM_CAP_DESTROY_MEMORY_REGION_WORKS:
    case KVM_CAP_JOIN_MEMORY_REGIONS_WORKS:
    case KVM_CAP_SET_GUEST_DEBUG:
    case KVM_CAP_IRQFD:
    case KVM_CAP_IRQFD_RESAMPLE:
    case KVM_CAP_IOEVENTFD:
    case KVM_CAP_IOEVENTFD_ANY_LENGTH:
    case KVM_CAP_INTERNAL_ERROR_DATA:
    case KVM_CAP_VCPU_EVENTS:
    case KVM_CAP_ENABLE_CAP_VM:
    case KVM_CAP_ONE_REG:
    case KVM_CAP_READONLY_MEM:
    case KVM_CAP_ARM_PSCI:
    case KVM_CAP_ARM_PSCI_0_2:
    case KVM_CAP_ARM_SET_DEVICE_ADDR:
    case KVM_CAP_DEVICE_CTRL:
    case KVM_CAP_CHECK_EXTENSION_VM:
    case KVM_CAP_VCPU_ATTRIBUTES:
    case KVM_CAP_IMMEDIATE_EXIT:
    case KVM_CAP_ARM_USER_IRQ:
    case KVM_CAP_ARM_IRQ_LINE_LAYOUT_2:
    case KVM_CAP_ARM_NISV_TO_USER:
    case KVM_CAP_ARM_INJECT_EXT_DABT:
    case KVM_CAP_STEAL_TIME:
    case KVM_CAP_PTP_KVM:
    case KVM_CAP_BINARY_STATS_FD:
    case KVM_CAP_SYSTEM_EVENT_DATA:
    case KVM_CAP_ARM_SYSTEM_SUSPEND:
    case KVM_CAP_COUNTER_OFFSET:
    case KVM_CAP_HALT_POLL:
    case KVM_CAP_ARM_WRITABLE_IMP_ID_REGS:
        return true;
    default:
        return false;
    }
}

}  // namespace

long check_extension(u64 capability) {
    using namespace abi;
    if (always_there(capability))
        return 1;
    const u64 features = supported_vcpu_features(false);
    switch (capability) {
    case KVM_CAP_ARM_SUPPORTED_REG_MASK_RANGES:
        return 1 << 0;  // the feature-ID space
    case KVM_CAP_NR_VCPUS:
        return nest_port_cpus_online() < kMaxVcpus ? nest_port_cpus_online() : kMaxVcpus;
    case KVM_CAP_MAX_VCPUS:
    case KVM_CAP_MAX_VCPU_ID:
        return kMaxVcpus;
    case KVM_CAP_NR_MEMSLOTS:
        return Memslots::kMaxSlots;
    case KVM_CAP_IRQ_ROUTING:
        return kvm::IrqRouting::kMaxRoutes;
    case KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2:
        return static_cast<long>(Memslots::kManualProtectOptions);
    case KVM_CAP_SET_GUEST_DEBUG2:
        return KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP | KVM_GUESTDBG_USE_SW_BP | KVM_GUESTDBG_USE_HW;
    case KVM_CAP_GUEST_DEBUG_HW_BPS:
        return machine().features.breakpoints;
    case KVM_CAP_GUEST_DEBUG_HW_WPS:
        return machine().features.watchpoints;
    case KVM_CAP_ARM_INJECT_SERROR_ESR:
        return machine().traps.ras;
    case KVM_CAP_ARM_VM_IPA_SIZE:
        return machine().ipa_limit;
    case KVM_CAP_ARM_PTRAUTH_ADDRESS:
        return features >> KVM_ARM_VCPU_PTRAUTH_ADDRESS & 1;
    case KVM_CAP_ARM_PTRAUTH_GENERIC:
        return features >> KVM_ARM_VCPU_PTRAUTH_GENERIC & 1;
    case KVM_CAP_ARM_EL2:
        return machine().nv;
    case KVM_CAP_ARM_SUPPORTED_BLOCK_SIZES:
        return static_cast<long>(Memslots::kBlockSizes);
    default:
        return 0;
    }
}

long check_extension(Vm& vm, u64 capability) {
    if (capability == abi::KVM_CAP_ARM_EAGER_SPLIT_CHUNK_SIZE)
        return static_cast<long>(vm.slots.split_chunk());
    return check_extension(capability);
}

Status enable_capability(Vm& vm, const abi::EnableCap& cap) {
    using namespace abi;
    if (cap.flags)
        return Errno::kInval;
    switch (cap.cap) {
    case KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2:
        return vm.slots.enable_manual_dirty_log(cap);
    case KVM_CAP_ARM_EAGER_SPLIT_CHUNK_SIZE:
        return vm.slots.set_split_chunk(cap.args[0]);
    case KVM_CAP_HALT_POLL:
        // An upper bound of polling, in nanoseconds: none is below any.
        return cap.args[0] >> 32 ? Status(Errno::kInval) : kOk;
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
