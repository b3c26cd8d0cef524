// SPDX-License-Identifier: GPL-2.0-only
// What is younger than the cross toolchain's <linux/kvm.h>.
#pragma once

#include <linux/kvm.h>

namespace nest::fail_nth {

struct MemoryRegion2 {
    __u32 slot, flags;
    __u64 guest_phys_addr, memory_size, userspace_addr, guest_memfd_offset;
    __u32 guest_memfd, pad1;
    __u64 pad2[14];
};
struct SmcccFilter {
    __u32 base, nr_functions;
    __u8 action, pad[15];
};
struct CounterOffset {
    __u64 counter_offset, reserved;
};
struct RegMaskRange {
    __u64 addr;
    __u32 range, reserved[13];
};
inline constexpr unsigned long kSetMemoryRegion2 = _IOW(KVMIO, 0x49, MemoryRegion2);
inline constexpr unsigned long kSetCounterOffset = _IOW(KVMIO, 0xb5, CounterOffset);
inline constexpr unsigned long kGetRegWritableMasks = _IOR(KVMIO, 0xb6, RegMaskRange);
inline constexpr __u32 kVmSmcccCtrl = 0;    // KVM_ARM_VM_SMCCC_CTRL and _FILTER
inline constexpr __u64 kVmSmcccFilter = 0;

}  // namespace nest::fail_nth
