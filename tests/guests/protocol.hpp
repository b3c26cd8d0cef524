// SPDX-License-Identifier: GPL-2.0-only
// What the VMM and its payload agree on: addresses, the report page, and the names and numbers of the cases.
#pragma once

#include <cstdint>

namespace nest::guests {

using u32 = std::uint32_t;
using u64 = std::uint64_t;

inline constexpr u64 kRam = 0x4000'0000;
inline constexpr u64 kRamSize = 16 << 20;
inline constexpr u64 kDistributor = 0x0800'0000;
inline constexpr u64 kRedistributor = 0x080a'0000;
// An ITS, where the machine has one: GITS_CTLR, and GITS_TRANSLATER, to which device kMessageDevice sends its messages.
inline constexpr u64 kIts = 0x0808'0000, kTranslater = kIts + 0x1'0040;
inline constexpr u32 kMessageDevice = 8;
inline constexpr u64 kReport = 0x0900'0000;

// No memory slot is here. The VMM answers reads with kNothingValue and drops writes.
inline constexpr u64 kNothing = 0x7000'0000;
inline constexpr u32 kNothingValue = 0x5eed'0bad;

// A page that is there after the first report::kRenewSlot.
inline constexpr u64 kExtraSlot = 0x6000'0000;

// Interrupts as INTID; these are PPIs.
inline constexpr u32 kMaintenance = 25;
inline constexpr u32 kHypPhysicalTimer = 26;
inline constexpr u32 kVirtualTimer = 27;
inline constexpr u32 kHypVirtualTimer = 28;
inline constexpr u32 kPhysicalTimer = 30;

// Registers of the report page: 64-bit writes, the verdict last. A text is the address of a string in the payload.
namespace report {
inline constexpr u64 kVerdict = 0, kGot = 8, kExpected = 16, kLine = 24, kText = 32;
// Requests, done when the write is: other memory with the same contents below the page at the address written; no
// contents; the slot at kExtraSlot goes, and another comes (whatever the value).
inline constexpr u64 kReplacePage = 40, kDiscardPage = 48, kRenewSlot = 56;
}
enum class Verdict : u64 { pass = 1, fail = 2, skip = 3, end = 4 };  // end: this vCPU has no more cases

enum class Case : u64 {
#define CASE(function, name, vcpus) function,
#include "cases.def"
#undef CASE
};

}  // namespace nest::guests
