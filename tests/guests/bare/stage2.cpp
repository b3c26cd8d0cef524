// SPDX-License-Identifier: GPL-2.0-only
#include "stage2.hpp"

#include "world.hpp"

namespace nest::guests {

alignas(4096) Stage2 stage2, other_stage2;
alignas(4096) u64 stage1[512];

void build(Stage2& tables) {
    tables.level1[kRam >> 30] = reinterpret_cast<u64>(tables.level2) | kTable;
    for (u64 i = 0; i < 4; i++)
        tables.level2[i] = (kRam + (i << 21)) | kAll | kBlock;
    tables.level2[kWindow >> 21 & 511] = reinterpret_cast<u64>(tables.level3) | kTable;
    dsb();
}

void use_stage2() {
    build(stage2);
    memory64(kPageA) = kValueA;
    memory64(kPageB) = kValueB;
    use_tables(stage2, 1);
    tlbi_guest();
}

void use_tables(const Stage2& tables, u64 vmid) {
    WRITE("vtcr_el2", vtcr(1, 25, kFortyBits));
    WRITE("vttbr_el2", tables.vttbr(vmid));
    set_hcr(kHcr | kVm);
}

void tlbi_ipa(u64 ipa) {
    dsb();
    asm volatile("tlbi ipas2e1is, %0\n\tdsb sy\n\ttlbi vmalle1is\n\tdsb sy\n\tisb" ::"r"(ipa >> 12) : "memory");
}

void tlbi_guest() {
    dsb();
    asm volatile("tlbi vmalls12e1is\n\tdsb sy\n\tisb" ::: "memory");
}

void use_stage1() {
    stage1[1] = kRam | kStage1Block;
    dsb();
    WRITE("mair_el12", 0x44);           // Normal, not cacheable: as L1 sees memory with its MMU off
    WRITE("ttbr0_el12", stage1);
    WRITE("tcr_el12", 25 | bit(23) | u64{kFortyBits} << 32);    // EPD1
    WRITE("sctlr_el12", kSctlrOff | 1);
    isb();
    asm volatile("tlbi vmalle1is\n\tdsb sy\n\tisb" ::: "memory");
}

}  // namespace nest::guests
