// SPDX-License-Identifier: GPL-2.0-only
// Guest memory in the KVM ABI: memory regions and the dirty log.
#pragma once
#include <kvm/abi/numbers.hpp>

namespace nest::kvm::abi {

// KVM_SET_USER_MEMORY_REGION2; KVM_SET_USER_MEMORY_REGION passes only the first kUserMemoryRegionBytes.
struct UserMemoryRegion2 {
    u32 slot;  // bits 31:16 the address space
    u32 flags;
    u64 guest_phys_addr;
    u64 memory_size;  // bytes; 0 deletes
    u64 userspace_addr;
    u64 guest_memfd_offset;
    u32 guest_memfd;
    u32 pad1;
    u64 pad2[14];
};
struct UserMemoryRegion {
    u32 slot;
    u32 flags;
    u64 guest_phys_addr;
    u64 memory_size;
    u64 userspace_addr;
};
inline constexpr size_t kUserMemoryRegionBytes = sizeof(UserMemoryRegion);

// An entry of a dirty ring; `offset` in pages of the host from the slot's start.
struct DirtyGfn {
    u32 flags;  // KVM_DIRTY_GFN_F_*
    u32 slot;   // bits 31:16 the address space
    u64 offset;
};
// Of a ring's entries so many stay free for writes of ours on a vCPU's behalf; and the most entries that a ring may have.
inline constexpr u32 KVM_DIRTY_RING_RESERVED = 64, KVM_DIRTY_RING_MAX_ENTRIES = 65536;

struct DirtyLog {
    u32 slot;
    u32 padding1;
    u64 dirty_bitmap;  // user address
};

struct ClearDirtyLog {
    u32 slot;
    u32 num_pages;
    u64 first_page;
    u64 dirty_bitmap;  // user address
};

}  // namespace nest::kvm::abi
