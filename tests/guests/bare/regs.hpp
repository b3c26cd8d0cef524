// SPDX-License-Identifier: GPL-2.0-only
// System registers by name, barriers, memory, and the fields that the cases use.
#pragma once

#include "../protocol.hpp"

#define READ(reg)                                           \
    ({                                                      \
        ::nest::guests::u64 value_;                         \
        asm volatile("mrs %0, " reg : "=r"(value_)::"memory"); \
        value_;                                             \
    })
#define WRITE(reg, value) asm volatile("msr " reg ", %x0" ::"rZ"(::nest::guests::u64(value)) : "memory")

namespace nest::guests {

inline void isb() { asm volatile("isb" ::: "memory"); }
inline void dsb() { asm volatile("dsb sy" ::: "memory"); }

inline volatile u32& memory32(u64 address) { return *reinterpret_cast<volatile u32*>(address); }
inline volatile u64& memory64(u64 address) { return *reinterpret_cast<volatile u64*>(address); }

inline bool at_el2() { return READ("currentel") == 2 << 2; }
// Turns for one part of so many of a second.
inline void wait_part_of_second(u64 parts) {
    const u64 later = READ("cntpct_el0") + READ("cntfrq_el0") / parts;
    while (READ("cntpct_el0") < later) {
    }
}

constexpr u64 bit(int n) { return u64{1} << n; }
constexpr u64 field(u64 value, int high, int low) { return (value >> low) & (bit(high - low + 1) - 1); }

// HCR_EL2
inline constexpr u64 kVm = bit(0), kFmo = bit(3), kImo = bit(4), kAmo = bit(5), kVi = bit(7), kVse = bit(8);
inline constexpr u64 kTge = bit(27), kRw = bit(31), kE2h = bit(34), kTea = bit(37), kApk = bit(40), kApi = bit(41);
inline constexpr u64 kNv = bit(42), kNv1 = bit(43), kNv2 = bit(45), kEnScxt = bit(53);
// What all cases start from: EL1 is AArch64, and nothing of it traps.
inline constexpr u64 kHcr = kRw | kE2h | kApk | kApi | kEnScxt;

// PSTATE as SPSR_ELx has it, with D, A, I and F set.
inline constexpr u64 kDaif = 0x3c0, kIrqMask = bit(7), kSErrorMask = bit(8), kIllegal = bit(20);
inline constexpr u64 kEl0t = 0 | kDaif, kEl1t = 4 | kDaif, kEl1h = 5 | kDaif, kEl2h = 9 | kDaif;

// Exception classes (ESR_ELx.EC)
inline constexpr u64 kEcUnknown = 0x00, kEcWfx = 0x01, kEcFp = 0x07, kEcIllegal = 0x0e, kEcSvc = 0x15, kEcHvc = 0x16;
inline constexpr u64 kEcSmc = 0x17, kEcSystem = 0x18, kEcEret = 0x1a, kEcFetchLower = 0x20, kEcDataLower = 0x24;
inline constexpr u64 kEcData = 0x25;
inline constexpr u64 kIl = bit(25);

constexpr u64 ec(u64 esr) { return field(esr, 31, 26); }
constexpr u64 fsc(u64 esr) { return field(esr, 5, 0); }
constexpr u64 esr_of(u64 ec, u64 iss) { return ec << 26 | kIl | iss; }
// EC 0x18 of a system instruction: Op0, Op2, Op1, CRn, Rt, CRm, direction (D24.2.40).
constexpr u64 system_syndrome(u32 word) {
    return esr_of(kEcSystem, field(word, 20, 19) << 20 | field(word, 7, 5) << 17 | field(word, 18, 16) << 14 |
                                 field(word, 15, 12) << 10 | field(word, 4, 0) << 5 | field(word, 11, 8) << 1 |
                                 field(word, 21, 21));
}

// Fault status codes; the level is in the low two bits.
inline constexpr u64 kTranslation = 0x04, kAccessFlag = 0x08, kPermission = 0x0c;
constexpr bool is_external(u64 fsc) { return fsc == 0x10 || (fsc >= 0x13 && fsc <= 0x17); }

// SCTLR_EL1 with its RES1 bits of Armv8.0, MMU and caches off, little-endian.
inline constexpr u64 kSctlrOff = 0x30d0'0800;

}  // namespace nest::guests
