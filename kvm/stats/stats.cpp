// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/stats/stats.hpp>
#include <port/port.h>

namespace nest::kvm {
namespace {

using abi::StatsDesc;
using abi::StatsHeader;

template <typename Stats>
constexpr u32 count_descriptors() {
    u32 count = 0;
    for (const Counter& counter : kCounters)
        count += counter.offset<Stats>() != Counter::kAbsent;
    return count;
}

template <typename Stats>
struct Descriptors {
    StatsDesc rows[count_descriptors<Stats>()] = {};

    constexpr Descriptors() {
        StatsDesc* row = rows;
        for (const Counter& counter : kCounters) {
            if (counter.offset<Stats>() == Counter::kAbsent)
                continue;
            *row = {counter.flags, counter.exponent, counter.words, counter.offset<Stats>(), counter.bucket, {}};
            size_t length = 0;
            const auto add = [&](const char* text) {
                while (*text)
                    row->name[length++] = *text++;
            };
            // libvirt takes no statistics at all of a hypervisor where a VM's and a vCPU's have one name.
            if (std::is_same_v<Stats, VmStats> && counter.is_sum())
                add("vm_");
            add(counter.name);
            row++;
        }
    }
};

template <typename Stats>
constexpr StatsHeader header() {
    constexpr u32 kId = sizeof(StatsHeader);
    constexpr u32 kDesc = kId + abi::kStatsNameBytes;
    return {0, abi::kStatsNameBytes, count_descriptors<Stats>(), kId, kDesc, kDesc + u32{sizeof(Descriptors<Stats>)}};
}

class Id {
public:
    Id& operator<<(const char* string) {
        while (*string)
            text[length_++] = *string++;
        return *this;
    }
    Id& operator<<(u32 number) {
        char digits[10];
        unsigned count = 0;
        do
            digits[count++] = static_cast<char>('0' + number % 10);
        while (number /= 10);
        while (count)
            text[length_++] = digits[--count];
        return *this;
    }
    char text[abi::kStatsNameBytes] = {};

private:
    size_t length_ = 0;
};

// One read of the file: of each part that is put into it, in order, copies what lies in [offset, offset + left).
class Window {
public:
    Window(u64 user, size_t bytes, u64 offset) : user_(user), left_(bytes), offset_(offset) {}
    Status part(const void* data, size_t size) {
        u64 skip = offset_ < size ? offset_ : size;
        offset_ -= skip;
        size_t copy = size - skip < left_ ? size - skip : left_;
        if (copy && nest_port_copy_to_user(user_ + copied_, static_cast<const char*>(data) + skip, copy))
            return Errno::kFault;
        copied_ += copy;
        left_ -= copy;
        return kOk;
    }
    size_t copied() const { return copied_; }

private:
    u64 user_;
    size_t left_;
    u64 offset_;
    size_t copied_ = 0;
};

template <typename Stats>
Result<size_t> read_file(const Stats& stats, const Id& id, u64 user, size_t bytes, u64 offset) {
    static constexpr StatsHeader kHeader = header<Stats>();
    static constexpr Descriptors<Stats> kDescriptors;
    Window window(user, bytes, offset);
    NEST_TRY(window.part(&kHeader, sizeof(kHeader)));
    NEST_TRY(window.part(id.text, sizeof(id.text)));
    NEST_TRY(window.part(&kDescriptors, sizeof(kDescriptors)));
    NEST_TRY(window.part(&stats, sizeof(stats)));
    return window.copied();
}

}  // namespace

void count_time(u64& sum_ns, u64 (&histogram)[32], u64 ns) {
    const unsigned bucket = ns ? 64u - static_cast<unsigned>(__builtin_clzll(ns)) : 0;  // [2^(n-1), 2^n) in bucket n
    histogram[bucket < 32 ? bucket : 31]++;
    sum_ns += ns;
}

Result<size_t> read_stats(const VmStats& stats, u32 process, u64 user, size_t bytes, u64 offset) {
    Id id;
    id << "kvm-" << process;
    return read_file(stats, id, user, bytes, offset);
}

Result<size_t> read_stats(const VcpuStats& stats, u32 process, u32 vcpu_id, u64 user, size_t bytes, u64 offset) {
    Id id;
    id << "kvm-" << process << "/vcpu-" << vcpu_id;
    return read_file(stats, id, user, bytes, offset);
}

}  // namespace nest::kvm
