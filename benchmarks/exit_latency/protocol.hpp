// SPDX-License-Identifier: GPL-2.0-only
// What the benchmark's VMM and payload agree on, besides what the tests' machine has (tests/guests/protocol.hpp).
#pragma once

#include "../../tests/guests/protocol.hpp"

namespace nest::bench {

using guests::u32;
using guests::u64;

enum class Operation : u64 {
#define OPERATION(function, name, modes, vcpus, samples) function,
#include "operations.def"
#undef OPERATION
};
inline constexpr unsigned kFlat = 1, kVel2 = 2, kL2 = 4;

// Samples, 64-bit ticks of CNTVCT_EL0, where the payload leaves them.
inline constexpr u64 kSamples = guests::kRam + (6 << 20);
inline constexpr u64 kMaxSamples = (1 << 20) / sizeof(u64);
// Samples before the first that counts.
constexpr u64 warm_up(u64 samples) { return samples < 320 ? samples / 10 : 32; }

// A second memory slot, of which a page is touched once.
inline constexpr u64 kFresh = 0x5000'0000;
inline constexpr u64 kFreshSize = 16 << 20;

// vCPU 0's x0: the operation, the number of samples from bit 32.
// Registers of the VMM, 64-bit writes, behind those of the tests' report page.
namespace command {
inline constexpr u64 kMark = guests::kReport + 0x100;       // a Mark
inline constexpr u64 kRaise = guests::kReport + 0x108;      // KVM_IRQ_LINE: the SPI's level is 1
inline constexpr u64 kLower = guests::kReport + 0x110;      // its level is 0
inline constexpr u64 kDiscard = guests::kReport + 0x118;    // the page at this address goes back to the VMM's kernel
inline constexpr u64 kNothing = guests::kReport + 0x120;
// An eventfd is signalled, whose irqfd sends kEvent by an MSI route. CNTVCT_EL0 before that is left at kMessageTime.
inline constexpr u64 kMessage = guests::kReport + 0x128;
// The same by an ioeventfd: no exit to the VMM.
inline constexpr u64 kDoorbell = guests::kReport + 0x130;
}
inline constexpr u32 kSpi = 40;
// Of the ITS (tests/guests/bare/its.hpp).
inline constexpr u32 kEvent = 3;
inline constexpr u64 kMessageTime = guests::kRam + (7 << 20);
constexpr bool needs_its(Operation operation) {
    return operation == Operation::lpi || operation == Operation::lpi_irqfd || operation == Operation::lpi_irqfd_user;
}

// The same number of samples runs twice: measured, then as `control` with all but the measured part. The difference of
// exits belongs to the measured part.
enum class Mark : u64 { begin = 1, end, begin_control, end_control, done };

}  // namespace nest::bench
