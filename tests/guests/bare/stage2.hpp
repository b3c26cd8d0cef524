// SPDX-License-Identifier: GPL-2.0-only
// Stage-2 tables that L1 makes for L2: 4 KiB granule, 39 bits, start at level 1; and stage-1 tables for L2.
//
//   IPA of L2                 what L1 maps there
//   first 8 MiB of memory     itself, in blocks: code, stacks, tables
//   kWindow, 512 pages        page entries, empty until a case fills them
#pragma once

#include "regs.hpp"

namespace nest::guests {

inline constexpr u64 kWindow = kRam + (10 << 20);
inline constexpr u64 kPageA = kRam + (12 << 20), kPageB = kPageA + 0x1000;     // where pages are, as L1 sees memory
inline constexpr u64 kValueA = 0xaaaa'0001, kValueB = 0xbbbb'0002;             // their first words

// Descriptors
inline constexpr u64 kTable = 3, kPage = 3, kBlock = 1, kAccessed = bit(10), kReadable = bit(6), kWritable = bit(7);
inline constexpr u64 kExecuteNever = bit(54);
inline constexpr u64 kNormal = 0xf << 2 | 3 << 8;       // stage 2: write-back, inner shareable
inline constexpr u64 kAll = kNormal | kAccessed | kReadable | kWritable;

constexpr u64 vtcr(u64 sl0, u64 t0sz, u64 ps, u64 granule = 0) {
    return bit(31) | ps << 16 | granule << 14 | 3 << 12 | sl0 << 6 | t0sz;
}
inline constexpr u64 kFortyBits = 2;                    // VTCR_EL2.PS

struct Stage2 {
    u64 level1[512], level2[512], level3[512];
    u64& window(u64 ipa = kWindow) { return level3[ipa >> 12 & 511]; }
    // One store, and it is done before anything that follows.
    void set(u64 ipa, u64 entry) {
        memory64(reinterpret_cast<u64>(&window(ipa))) = entry;
        dsb();
    }
    u64 vttbr(u64 vmid) const { return vmid << 48 | reinterpret_cast<u64>(level1); }
};
extern Stage2 stage2, other_stage2;

// Make the identity map and values in the pages; switch stage 2 on with VMID 1.
void use_stage2();
void build(Stage2& tables);     // only the identity map
// Only switch this vCPU's stage 2 on.
void use_tables(const Stage2& tables, u64 vmid);

// Operand of a TLBI by range, (NUM + 1) * 2^(5 * SCALE + 1) pages: TG 01 (4 KiB), SCALE, NUM, address[48:12]
// ([DDI0487] C5.5.63).
constexpr u64 range(u64 address, u64 scale, u64 num) { return bit(46) | scale << 44 | num << 39 | address >> 12; }

// TLBIs with their barriers.
void tlbi_ipa(u64 ipa);
void tlbi_guest();

// Stage 1 of L2, on: 39 bits from level 1. VA 1 GiB is memory itself as a block of 1 GiB.
extern u64 stage1[512];
inline constexpr u64 kStage1Block = bit(10) | kBlock;   // AttrIndx 0, EL1 reads and writes
inline constexpr u64 kStage1ReadOnly = bit(7);
void use_stage1();

}  // namespace nest::guests
