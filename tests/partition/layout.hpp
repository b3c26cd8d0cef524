// SPDX-License-Identifier: GPL-2.0-only
// Who owns which memory of the machine: QEMU's virt with 1 GiB, highmem and its off, a second UART (partition.sh starts QEMU so).
//
//   0x4000'0000  512 MiB   Linux, as if the machine had no more
//   0x6000'0000    2 MiB   the hypervisor
//   0x6020'0000    2 MiB   the RTOS; its last page is what the hypervisor reads of it (mailbox.hpp)
//   0x6400'0000            images as QEMU loaded them, from which each start copies
#pragma once

#include "../guests/protocol.hpp"

namespace nest::partition {

using guests::u32;
using guests::u64;

inline constexpr u64 kBlock2M = 2 << 20;

inline constexpr u64 kLinuxRam = 0x4000'0000, kLinuxSize = 512 << 20;
inline constexpr u64 kLinuxEntry = 0x4020'0000, kInitrd = 0x4800'0000, kDeviceTree = 0x4f00'0000;

inline constexpr u64 kRtosRam = 0x6020'0000;
inline constexpr u64 kMailbox = kRtosRam + kBlock2M - 0x1000;

// Each as large as the next begins later; what QEMU did not load is 0.
struct Image {
    u64 from, to, size;
};
inline constexpr Image kLinuxImages[] = {
    {0x6400'0000, kLinuxEntry, 64 << 20},
    {0x6800'0000, kInitrd, 8 << 20},
    {0x6c00'0000, kDeviceTree, 2 << 20},
};
inline constexpr Image kRtosImage = {0x6e00'0000, kRtosRam, kBlock2M};

// A word that QEMU loads, too: at which tick the RTOS writes to Linux's memory; 0 for never.
inline constexpr u64 kCrashTick = 0x6e80'0000;

// Devices. Linux has all below its memory but for these: the distributor's first frame, where its control register is, goes through
// the hypervisor; the RTOS's redistributor Linux may only read; QEMU's fw_cfg (it reads and writes any memory) and the hypervisor's
// UART nobody has.
inline constexpr u64 kRtosRedistributor = guests::kRedistributor + 0x2'0000, kRedistributorSize = 0x2'0000;
inline constexpr u64 kFwCfg = 0x0902'0000, kHypervisorUart = 0x0904'0000;

}  // namespace nest::partition
