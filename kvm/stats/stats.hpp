// SPDX-License-Identifier: GPL-2.0-only
// What a VM and a vCPU count about themselves, and the file in which user space reads it (KVM_GET_STATS_FD).
//
// A vCPU's counters are written by its own thread alone, with plain increments. Most counters of a VM are filled in when
// somebody reads them (kvm/vm/report.hpp); those that several threads count as it happens use count().
#pragma once
#include <base/atomic.hpp>
#include <base/result.hpp>
#include <cstddef>
#include <kvm/abi/stats.hpp>
#include <type_traits>

namespace nest::kvm {

#define FIELD(name, words)                                                          \
    static_assert(sizeof(#name) <= abi::kStatsNameBytes, #name ": the name is too long"); \
    std::conditional_t<(words) == 1, u64, u64[words]> name;
#define VM_HAS_VM(yes, no) yes
#define VM_HAS_VCPU(yes, no) no
#define VM_HAS_SUM(yes, no) yes
#define VCPU_HAS_VM(yes, no) no
#define VCPU_HAS_VCPU(yes, no) yes
#define VCPU_HAS_SUM(yes, no) yes

struct VmStats {
#define COUNTER(whose, name, words, ...) VM_HAS_##whose(FIELD(name, words), )
#include <kvm/stats/counters.def>
#undef COUNTER
};
struct VcpuStats {
#define COUNTER(whose, name, words, ...) VCPU_HAS_##whose(FIELD(name, words), )
#include <kvm/stats/counters.def>
#undef COUNTER
};

// A row of counters.def: who lists, sums or describes counters goes through these.
struct Counter {
    static constexpr u32 kAbsent = ~u32{0};
    const char* name;
    u16 words;
    u32 flags;  // KVM_STATS_*, as in abi::StatsDesc
    s16 exponent;
    u32 bucket;
    const char* in_totals;
    u32 in_vm, in_vcpu;  // bytes into the structures, or kAbsent

    template <typename Stats>
    constexpr u32 offset() const {
        return std::is_same_v<Stats, VmStats> ? in_vm : in_vcpu;
    }
    constexpr bool is_sum() const { return in_vm != kAbsent && in_vcpu != kAbsent; }
};
inline constexpr Counter kCounters[] = {
#define COUNTER(whose, name, words, type, unit, exponent, bucket, in_totals)                                                \
    {#name, words, abi::KVM_STATS_TYPE_##type | abi::KVM_STATS_UNIT_##unit | abi::KVM_STATS_BASE_POW10, exponent, bucket, \
     in_totals, VM_HAS_##whose(offsetof(VmStats, name), Counter::kAbsent),                                                  \
     VCPU_HAS_##whose(offsetof(VcpuStats, name), Counter::kAbsent)},
#include <kvm/stats/counters.def>
#undef COUNTER
};
#undef FIELD
#undef VM_HAS_VM
#undef VM_HAS_VCPU
#undef VM_HAS_SUM
#undef VCPU_HAS_VM
#undef VCPU_HAS_VCPU
#undef VCPU_HAS_SUM

// The first word of a counter that these statistics have.
template <typename Stats>
auto* words_of(Stats& stats, const Counter& counter) {
    using Word = std::conditional_t<std::is_const_v<Stats>, const u64, u64>;
    return reinterpret_cast<Word*>(&stats) + counter.offset<std::remove_const_t<Stats>>() / sizeof(u64);
}
// see(counter, its first word) for each that these statistics have.
template <typename Stats, typename See>
void for_each_counter(Stats& stats, See&& see) {
    for (const Counter& counter : kCounters)
        if (counter.offset<std::remove_const_t<Stats>>() != Counter::kAbsent)
            see(counter, words_of(stats, counter));
}

// For a counter that several threads write. Any context.
inline void add_to_stat(u64& counter, u64 more) { AtomicRef(counter).fetch_add_relaxed(more); }
inline void count(u64& counter) { add_to_stat(counter, 1); }
// For a counter that is computed when somebody reads the statistics; several readers may do so at once, and the vCPUs count on
// meanwhile. Any context.
inline void set_stat(u64& counter, u64 value) { AtomicRef(counter).store_relaxed(value); }
inline u64 get_stat(const u64& counter) { return AtomicRef(counter).load_relaxed(); }

// Adds a length of time to its sum and its histogram.
void count_time(u64& sum_ns, u64 (&histogram)[32], u64 ns);

// Copies up to `bytes` bytes of the file, from `offset`, to user space: header, identity, descriptors, values
// (KVM_GET_STATS_FD in Documentation/virt/kvm/api.rst). Returns the number copied, 0 at the end; EFAULT. `process` is the
// VMM's process id, which names the VM. Sleeps.
Result<size_t> read_stats(const VmStats& stats, u32 process, u64 user, size_t bytes, u64 offset);
Result<size_t> read_stats(const VcpuStats& stats, u32 process, u32 vcpu_id, u64 user, size_t bytes, u64 offset);

}  // namespace nest::kvm
