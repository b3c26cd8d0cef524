// SPDX-License-Identifier: GPL-2.0-only
// What a guest's physical addresses mean in a VM that boot.cpp makes, and what lies where in its RAM.
#pragma once

#include "random.hpp"

namespace nest::fuzz_kvm {

inline constexpr u64 kPage = 0x1000;

//   slot  address      bytes
//   0     kRam         kRamSize      code, vectors, tables
//   1     kReadOnly    kExtraSize    KVM_MEM_READONLY
//   2     kShared      kExtraSize    a memfd, dirty log on
inline constexpr u64 kRam = 0x4000'0000, kRamSize = 4 << 20;
inline constexpr u64 kReadOnly = 0x5000'0000, kShared = 0x6000'0000, kExtraSize = 1 << 20;
inline constexpr u64 kNothing = 0x7000'0000;
inline constexpr u64 kDistributor = 0x0800'0000, kRedistributor = 0x080a'0000, kIts = 0x0808'0000;

// Offsets in RAM.
inline constexpr u64 kStub = 0, kVectors = 0x800, kEl2Vectors = 0x1800, kCode = 0x10000, kCodeSize = 0x10000;
// L1's stage 2: one that maps RAM to itself, then kTables pages of descriptors that point anywhere.
inline constexpr u64 kGoodTables = 0x10'0000, kRandomTables = 0x11'0000, kTables = 8;
inline constexpr u64 kVncrPage = 0x12'0000, kStack = 0x13'0000;

// An address that a guest, or a memory slot, may use: in each of the regions, at their edges, and out of reach.
inline u64 guest_address(Random& r) {
    switch (r.below(9)) {
    case 0: return kRam + r.below(kRamSize);
    case 1: return kRam + kGoodTables + r.below(0x20000);
    case 2: return kReadOnly + r.below(kExtraSize);
    case 3: return kShared + r.below(kExtraSize);
    case 4: return kNothing + r.below(0x10000);
    case 5: return kDistributor + r.below(0x10000);
    case 6: return r.one_in(2) ? kRedistributor + r.below(0x40000) : kIts + r.below(0x20000);
    case 7: return r.of({kRam, kReadOnly, kShared, kRam + kRamSize, u64{1} << 40, u64{1} << 48}) - 16 + r.below(32);
    default: return r.number();
    }
}

}  // namespace nest::fuzz_kvm
