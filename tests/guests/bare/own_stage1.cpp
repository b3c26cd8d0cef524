// SPDX-License-Identifier: GPL-2.0-only
#include "own_stage1.hpp"

namespace nest::guests {
namespace {

constexpr u64 kMair = 0x0044;                           // Attr0: Normal, not cacheable; Attr1: Device-nGnRnE
constexpr u64 kDevice = 1 << 2;                         // AttrIndx
constexpr u64 kTcr = 25 | 25 << 16 | bit(31) | u64{kFortyBits} << 32;   // T0SZ, T1SZ, TG1: 4 KiB, IPS; ASID of TTBR0_EL2

}  // namespace

alignas(4096) OwnStage1 own_stage1, other_own_stage1;

void build(OwnStage1& tables) {
    tables.level1[0] = kOwn | kDevice | kBlock;
    tables.level1[kRam >> 30] = kRam | kAccessed | 3 << 8 | kBlock;     // and EL2 executes it
    tables.level1[kOwnWindow >> 30] = reinterpret_cast<u64>(tables.level2) | kTable;
    tables.level2[0] = reinterpret_cast<u64>(tables.level3) | kTable;
    dsb();
}

void use_own_stage1(const OwnStage1& tables, u64 asid) {
    WRITE("mair_el2", kMair);
    WRITE("tcr_el2", kTcr);
    WRITE("ttbr1_el2", tables.ttbr(0));
    switch_own_stage1(tables, asid);
    asm volatile("tlbi alle2\n\tdsb sy\n\tisb" ::: "memory");
    switch_mmu(true);
}

void switch_mmu(bool on) {
    WRITE("sctlr_el2", (READ("sctlr_el2") & ~u64{1}) | u64{on});
    isb();
}

void switch_own_stage1(const OwnStage1& tables, u64 asid) {
    WRITE("ttbr0_el2", tables.ttbr(asid));
    isb();
}

}  // namespace nest::guests
