// SPDX-License-Identifier: GPL-2.0-only
// Binary statistics in the KVM ABI: what a statistics descriptor's file starts with, and what describes one value.
#pragma once
#include <kvm/abi/numbers.hpp>

namespace nest::kvm::abi {

inline constexpr size_t kStatsNameBytes = 48;  // the kernel's KVM_STATS_NAME_SIZE, part of the file's layout

struct StatsHeader {
    u32 flags;
    u32 name_size;
    u32 num_desc;
    u32 id_offset;    // bytes from the start of the file
    u32 desc_offset;
    u32 data_offset;
};

struct StatsDesc {
    u32 flags;  // KVM_STATS_TYPE_* | KVM_STATS_UNIT_* | KVM_STATS_BASE_*
    s16 exponent;
    u16 size;  // of the value, in u64
    u32 offset;  // into the data block, bytes
    u32 bucket_size;
    char name[kStatsNameBytes];
};

}  // namespace nest::kvm::abi
