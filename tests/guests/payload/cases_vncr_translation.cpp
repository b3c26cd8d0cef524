// SPDX-License-Identifier: GPL-2.0-only
// The page of L2's EL2 registers moves: L1 changes its own stage 1 by the book, and no old translation may survive.
#include "cases.hpp"
#include "features.hpp"
#include "vncr.hpp"

// TLBI of EL2&0, done when the next instruction runs.
#define TLBI(operation, operand) \
    asm volatile("dsb sy\n\ttlbi " operation ", %0\n\tdsb sy\n\tisb" ::"r"(u64(operand)) : "memory")

namespace nest::guests {
namespace {

constexpr u64 kAsid = 1;
constexpr u64 kPageEntry = kOwn | kPage, kAsidEntry = kPageEntry | kNotGlobal, kBlockEntry = kOwn | kBlock;
constexpr u64 kBlockA = vncr_page(0), kBlockB = kBlockA + (2 << 20);

// Operands: bits 55:12 of the address, and for a range bits 48:12.
constexpr u64 asid(u64 number) { return number << 48; }
constexpr u64 number(u64 va) { return field(va, 55, 12); }
constexpr u64 pages(u64 va, u64 scale, u64 num) { return range(field(va, 48, 0), scale, num); }

void faults(u64 va, u64 level) {
    IS_VNCR_ABORT(write_tpidr_el2(0xdead), l2_write_tpidr_el2, Access::write, kTranslation | level, va);
}

// L2 has the page at `from`, then none, then the one at `to`.
template <typename Set, typename Tlbi>
void moves(u64 va, u64 level, u64 from, u64 to, Set set, Tlbi tlbi) {
    use_vncr(va);
    set(0);
    tlbi_alle2();
    for (u64 i = 0; i < 3; i++) {
        set(from);
        lands(from, 0x1000 + i);
        set(0);
        tlbi();
        faults(va, level);
        EQUAL("the old page", memory64(from + kTpidr), ~(0x1000 + i));
        set(to);
        lands(to, 0x2000 + i);
        EQUAL("the old page", memory64(from + kTpidr), ~(0x1000 + i));
        set(0);
        tlbi();
        faults(va, level);
    }
}

template <typename Tlbi>
void page_moves(Tlbi tlbi, u64 entry = kPageEntry) {
    start_nv2();
    for (const u64 half : {u64{0}, kHighHalf})
        moves(half + kVncr, 3, vncr_page(0), vncr_page(1),
              [=](u64 page) { own_stage1.set(kVncr, page ? page | entry : 0); }, [=] { tlbi(half + kVncr); });
}

// The page is the sixth of a block of 2 MiB, and the TLBI names another one.
template <typename Tlbi>
void block_moves(Tlbi tlbi) {
    constexpr u64 kInBlock = 0x5000;
    start_nv2();
    moves(kOwnBlock + kInBlock, 2, kBlockA + kInBlock, kBlockB + kInBlock,
          [=](u64 page) { own_stage1.set_level2(kOwnBlock, page ? (page - kInBlock) | kBlockEntry : 0); }, tlbi);
}

}  // namespace

void case_vncr_tlbi_va() {
    page_moves([](u64 va) { TLBI("vae2", number(va)); });
    page_moves([](u64 va) { TLBI("vae2is", number(va)); });
    page_moves([](u64 va) { TLBI("vae2is", asid(kAsid) | number(va)); }, kAsidEntry);
    page_moves([](u64 va) { under_tge([=] { TLBI("vae1is", number(va)); }); });
    page_moves([](u64 va) { under_tge([=] { TLBI("vaae1is", number(va)); }); }, kAsidEntry);
}
void case_vncr_tlbi_va_last() {
    page_moves([](u64 va) { TLBI("vale2", number(va)); });
    page_moves([](u64 va) { TLBI("vale2is", asid(kAsid) | number(va)); }, kAsidEntry);
    page_moves([](u64 va) { under_tge([=] { TLBI("vaale1is", number(va)); }); }, kAsidEntry);
}
void case_vncr_tlbi_all() {
    page_moves([](u64) { asm volatile("tlbi alle2\n\tdsb sy\n\tisb" ::: "memory"); });
    page_moves([](u64) { tlbi_alle2(); });
    page_moves([](u64) { under_tge([] { asm volatile("tlbi vmalle1\n\tdsb sy\n\tisb" ::: "memory"); }); });
    page_moves([](u64) { under_tge([] { asm volatile("tlbi vmalle1is\n\tdsb sy\n\tisb" ::: "memory"); }); },
               kAsidEntry);
}
void case_vncr_tlbi_asid() {
    page_moves([](u64) { under_tge([] { TLBI("aside1", asid(kAsid)); }); }, kAsidEntry);
    page_moves([](u64) { under_tge([] { TLBI("aside1is", asid(kAsid)); }); }, kAsidEntry);
}
void case_vncr_tlbi_range() {
    if (!need::tlbi_range())
        skip("no FEAT_TLBIRANGE");
    page_moves([](u64 va) { TLBI("rvae2is", pages(va, 0, 0)); });
    page_moves([](u64 va) { TLBI("rvale2", pages(va, 0, 31)); });
    page_moves([](u64 va) { TLBI("rvae2is", asid(kAsid) | pages(va, 1, 7)); }, kAsidEntry);
    page_moves([](u64 va) { TLBI("rvae2", pages(va - 0x3'f000, 0, 31)); });     // it is the last
    block_moves([] { TLBI("rvae2is", range(kOwnBlock + 0x10'0000, 0, 0)); });
}

// One TLB entry may hold all of the block, and may have been made for a part of it.
void case_vncr_tlbi_block() {
    block_moves([] { TLBI("vae2is", (kOwnBlock + 0x1f'f000) >> 12); });
    block_moves([] { TLBI("vale2", kOwnBlock >> 12); });
    if (need::ttl())        // hint: 4 KiB granule, level 2
        block_moves([] { TLBI("vale2is", u64{6} << 44 | (kOwnBlock + 0x10'0000) >> 12); });
}

// L1 takes the table away that its page's entry is in.
void case_vncr_tlbi_table() {
    start_nv2();
    use_vncr(kVncr);
    const u64 table = own_stage1.level2[0];
    for (u64 i = 0; i < 3; i++) {
        lands(vncr_page(0), 0x1000 + i);
        own_stage1.set_level2(kOwnWindow, 0);
        tlbi_vae2(number(kVncr));
        faults(kVncr, 2);
        own_stage1.set_level2(kOwnWindow, table);
    }
}

// The ASID says whose page it is; no TLBI when it changes.
void case_vncr_asid() {
    start_nv2();
    build(other_own_stage1);
    own_stage1.set(kVncr, 0);
    tlbi_vae2(number(kVncr));
    own_stage1.set(kVncr, vncr_page(0) | kAsidEntry);
    other_own_stage1.set(kVncr, vncr_page(1) | kAsidEntry);
    for (u64 i = 0; i < 4; i++) {
        switch_own_stage1(own_stage1, 1);
        lands(vncr_page(0), 0x1000 + i);
        switch_own_stage1(other_own_stage1, 2);
        lands(vncr_page(1), 0x2000 + i);
        EQUAL("the page of ASID 1", memory64(vncr_page(0) + kTpidr), ~(0x1000 + i));
    }
    own_stage1.set(kVncr, 0);
    under_tge([] { TLBI("aside1is", asid(1)); });
    lands(vncr_page(1), 0x3000);
    switch_own_stage1(own_stage1, 1);
    faults(kVncr, 3);
}

// More pages in turn than a hypervisor may keep translations; then one goes after the other.
void case_vncr_many() {
    constexpr u64 kPages = 8;
    start_nv2();
    for (u64 page = 0; page < kPages; page++)
        own_stage1.set(kVncr + page * 0x1000, vncr_page(page) | kPageEntry);
    for (u64 round = 0; round < 3; round++)
        for (u64 page = 0; page < kPages; page++) {
            use_vncr(kVncr + page * 0x1000);
            lands(vncr_page(page), round << 16 | page);
        }
    for (u64 gone = 0; gone < kPages; gone++) {
        EQUAL("a page's last value", memory64(vncr_page(gone) + kTpidr), ~(u64{2} << 16 | gone));
        own_stage1.set(kVncr + gone * 0x1000, 0);
        tlbi_vae2(number(kVncr) + gone);
        for (u64 page = 0; page < kPages; page++) {
            use_vncr(kVncr + page * 0x1000);
            if (page <= gone)
                faults(kVncr + page * 0x1000, 3);
            else
                lands(vncr_page(page), 2 << 16 | page);
        }
    }
}

}  // namespace nest::guests
