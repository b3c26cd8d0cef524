// SPDX-License-Identifier: GPL-2.0-only
// What a VM and a vCPU count about themselves, and the file in which user space reads it (KVM_GET_STATS_FD).
//
// A vCPU's counters are written by its own thread alone, with plain increments. Of a VM's most are filled in when somebody
// looks (kvm/vm/report.hpp); what several threads count as it happens is count()'s.
#pragma once
#include <base/result.hpp>
#include <kvm/abi/stats.hpp>
#include <type_traits>

namespace nest::kvm {

#define STAT(name, words, type, unit, exponent, bucket) std::conditional_t<(words) == 1, u64, u64[words]> name;
struct VmStats {
#include <kvm/stats/vm_stats.def>
};
struct VcpuStats {
#include <kvm/stats/vcpu_stats.def>
};
#undef STAT

// For a counter that several threads write. Any context.
inline void count(u64& counter) { __atomic_fetch_add(&counter, 1, __ATOMIC_RELAXED); }
// For one that is copied from elsewhere when somebody asks; several may ask at once. Any context.
inline void set_stat(u64& counter, u64 value) { __atomic_store_n(&counter, value, __ATOMIC_RELAXED); }

// The vCPU blocked for that long.
void count_halt_wait(VcpuStats& stats, u64 ns);

// Up to `bytes` bytes of the file, from `offset`, to user space: header, identity, descriptors, values. The number
// copied, 0 at the end; EFAULT. vm_number names the VM ("kvm-<number>"), Linux takes the VMM's process id. Sleeps.
Result<size_t> read_stats(const VmStats& stats, u32 vm_number, u64 user, size_t bytes, u64 offset);
Result<size_t> read_stats(const VcpuStats& stats, u32 vm_number, u32 vcpu_id, u64 user, size_t bytes, u64 offset);

}  // namespace nest::kvm
