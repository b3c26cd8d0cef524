// SPDX-License-Identifier: GPL-2.0-only
// L2 reaches for its EL2 registers and VNCR_EL2 does not lead to memory: a Data Abort that L1 takes as one of EL2.
#include "cases.hpp"
#include "vncr.hpp"

STUB(l2_without_page, "mrs x0, currentel; msr elr_el2, x1; mrs x4, elr_el2");

namespace nest::guests {
namespace {

constexpr u64 kPageEntry = kOwn | kPage;

void faults(Access access, u64 wanted_fsc, u64 va) {
    const Code code = access == Access::write ? l2_write_tpidr_el2 : l2_read_tpidr_el2;
    IS_VNCR_ABORT(run_l2(code, {.x1 = 0x1111}), code, access, wanted_fsc, va);
}

void both_fault(u64 wanted_fsc, u64 va) {
    faults(Access::read, wanted_fsc, va);
    faults(Access::write, wanted_fsc, va);
}

void set_entry(u64 entry) {
    own_stage1.set(kVncr, 0);
    tlbi_vae2(kVncr >> 12);
    own_stage1.set(kVncr, entry);
}

// The abort is at the instruction: mapped, the same access goes through.
void repaired(Access access) {
    start_nv2();
    set_entry(0);
    const Code code = access == Access::write ? l2_write_tpidr_el2 : l2_read_tpidr_el2;
    memory64(vncr_page(1) + kTpidr) = 0x2222;
    const Frame f = run_l2(code, {.x1 = 0x1111});
    IS_VNCR_ABORT(f, code, access, kTranslation | 3, kVncr);
    own_stage1.set(kVncr, vncr_page(1) | kPageEntry);
    const Frame again = go_on(f);
    IS_HVC(again, kDone);
    if (access == Access::write)
        EQUAL("what L2 wrote", memory64(vncr_page(1) + kTpidr), 0x1111);
    else
        EQUAL("what L2 read", again.x[0], 0x2222);
}

}  // namespace

void case_vncr_fault_read() { repaired(Access::read); }
void case_vncr_fault_write() { repaired(Access::write); }

// The walk ends at each level, in both halves; an address of neither half has level 0.
void case_vncr_fault_levels() {
    start_nv2();
    struct {
        u64 va, level;
    } const kHoles[] = {{kVncr + 0x5000, 3}, {kOwnWindow + (6 << 20), 2}, {u64{3} << 30, 1}};
    for (const auto& hole : kHoles)
        for (const u64 half : {u64{0}, kHighHalf}) {
            use_vncr(half + hole.va);
            both_fault(kTranslation | hole.level, half + hole.va);
        }
    use_vncr(bit(40));
    both_fault(kTranslation | 0, bit(40));
    use_vncr(kHighHalf + kVncr);
    lands(vncr_page(0), 0x1234);
}

// What is no memory needs no page.
void case_vncr_unmapped() {
    start_nv2();
    for (const u64 va : {kVncr + 0x5000, bit(40), kNothing}) {
        use_vncr(va);
        const Frame f = run_l2(l2_without_page, {.x1 = 0x4000'2220});
        IS_HVC(f, kDone);
        EQUAL("CurrentEL in L2", f.x[0], 2 << 2);
        EQUAL("ELR_EL2 in L2", f.x[4], 0x4000'2220);
        EQUAL("ELR_EL1", READ("elr_el12"), 0x4000'2220);
    }
}

void case_vncr_permission() {
    start_nv2();
    memory64(vncr_page(0) + kTpidr) = 0x2222;
    set_entry(vncr_page(0) | kPageEntry | kStage1ReadOnly);
    for (int i = 0; i < 3; i++) {
        const Frame read = run_l2(l2_read_tpidr_el2);
        IS_HVC(read, kDone);
        EQUAL("TPIDR_EL2 in L2", read.x[0], 0x2222);
        faults(Access::write, kPermission | 3, kVncr);
        EQUAL("nothing was written", memory64(vncr_page(0) + kTpidr), 0x2222);
    }
    const Frame f = write_tpidr_el2(0x1111);
    own_stage1.set(kVncr, vncr_page(0) | kPageEntry);
    tlbi_vae2(kVncr >> 12);
    IS_HVC(go_on(f), kDone);
    EQUAL("what L2 wrote", memory64(vncr_page(0) + kTpidr), 0x1111);
    // And back, with only L1's leaf changed and a TLBI: L2 may no longer write.
    own_stage1.set(kVncr, vncr_page(0) | kPageEntry | kStage1ReadOnly);
    tlbi_vae2(kVncr >> 12);
    faults(Access::write, kPermission | 3, kVncr);
}

// An entry without the access flag is in no TLB: L1 sets it and needs no TLBI.
void case_vncr_access_flag() {
    start_nv2();
    set_entry((vncr_page(0) | kPageEntry) & ~kAccessed);
    both_fault(kAccessFlag | 3, kVncr);
    own_stage1.set(kVncr, vncr_page(0) | kPageEntry);
    lands(vncr_page(0), 0x1234);
}

// Beyond the 40 bits of TCR_EL2.IPS.
void case_vncr_address_size() {
    start_nv2();
    set_entry(bit(41) | vncr_page(0) | kPageEntry);
    both_fault(3, kVncr);
    set_entry(vncr_page(0) | kPageEntry);
    lands(vncr_page(0), 0x1234);
}

// No memory there, or a device that only software behind L1 knows: the bus refuses, and nothing hangs.
void case_vncr_external() {
    start_nv2();
    for (const u64 nowhere : {kNothing, kReport, kDistributor}) {
        set_entry(nowhere | kPageEntry);
        for (const Code code : {l2_read_tpidr_el2, l2_write_tpidr_el2})
            is_vncr_external(run_l2(code), __LINE__);
    }
    set_entry(vncr_page(0) | kPageEntry);
    lands(vncr_page(0), 0x1234);
    // The table itself is nowhere.
    own_stage1.set_level2(kOwnBlock, kNothing | kTable);
    use_vncr(kOwnBlock);
    is_vncr_external(write_tpidr_el2(0x1111), __LINE__);
}

// With L1's MMU off VNCR_EL2 is a physical address; what was known of the address as a virtual one is not used.
void case_vncr_mmu_off() {
    start_nv2();
    constexpr u64 kBoth = kRam + (4 << 20);     // an address in each of them
    switch_mmu(false);
    own_stage1.level1[kOwnWindow >> 30] = 0;
    own_stage1.set_level2(kRam, kRam | kAccessed | kBlock);
    own_stage1.set_level2(vncr_page(0), vncr_page(0) | kOwn | kBlock);
    own_stage1.set_level2(kBoth, reinterpret_cast<u64>(own_stage1.level3) | kTable);
    own_stage1.set(kBoth, vncr_page(0) | kPageEntry);
    own_stage1.level1[kRam >> 30] = reinterpret_cast<u64>(own_stage1.level2) | kTable;
    use_own_stage1(own_stage1, 1);
    use_vncr(kBoth);
    for (u64 i = 0; i < 3; i++) {
        lands(vncr_page(0), 0x1000 + i);
        switch_mmu(false);
        lands(kBoth, 0x2000 + i);
        EQUAL("the other page", memory64(vncr_page(0) + kTpidr), ~(0x1000 + i));
        switch_mmu(true);
    }
}

}  // namespace nest::guests
