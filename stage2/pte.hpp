// SPDX-License-Identifier: GPL-2.0-only
// The stage-2 descriptor: [DDI0487] D8.3.1 (tables, blocks, pages), D8.3.2 (stage-2 attributes), D8.6.5 and D8.6.6
// (memory types without and with FEAT_S2FWB).
#pragma once
#include <arch/address.hpp>
#include <arch/layout.hpp>
#include <stage2/attributes.hpp>
#include <stage2/geometry.hpp>

namespace nest::stage2 {

struct Pte : arch::Layout<Pte> {
    using Software = Field<58, 55>;
    using XN = Field<54, 53>;  // without FEAT_XNX only bit 54 counts and 53 is RES0
    using Contiguous = Bit<52>;
    using DBM = Bit<51>;
    using OA = Field<47, 12>;
    using AF = Bit<10>;
    using SH = Field<9, 8>;
    using S2AP = Field<7, 6>;
    using Write = Bit<7>;
    using Read = Bit<6>;
    using MemAttr = Field<5, 2>;
    using Type = Bit<1>;  // at level 3: page; above: 1 table, 0 block
    using Valid = Bit<0>;

    constexpr bool valid() const { return get<Valid>(); }
    constexpr bool is_table(unsigned level) const { return valid() && get<Type>() && level < kLastLevel; }
    // At level 3 a descriptor with Type 0 is reserved and translates nothing (D8.3.1); we never write one.
    constexpr bool is_leaf(unsigned level) const {
        return valid() && (level == kLastLevel ? get<Type>() == 1 : get<Type>() == 0);
    }
    constexpr arch::Pa output() const { return arch::Pa(raw & OA::kMask); }
    constexpr bool executable() const { return get<XN>() != 2; }
    constexpr bool writable() const { return get<Write>(); }
    constexpr bool young() const { return get<AF>(); }

    // Fields that may change on a live descriptor without break-before-make (D8.16.1, D8.5.1). A difference in any other
    // bit demands break-before-make.
    static constexpr u64 kLiveMask = Software::kMask | XN::kMask | AF::kMask | S2AP::kMask;
};

// How attributes are written on this machine.
struct PteFormat {
    bool fwb = false;
    bool xnx = false;

    constexpr u64 memattr(MemoryType type) const {
        switch (type) {
        case MemoryType::Normal: return fwb ? 0b0110 : 0b1111;  // with FWB: Write-Back whatever stage 1 says
        case MemoryType::NormalNC: return 0b0101;
        default: return 0b0001;
        }
    }
    constexpr u64 xn(const Prot& p) const {
        if (!p.x || (!xnx && p.x_at != ExecAt::Both))
            return 0b10;
        return p.x_at == ExecAt::Both ? 0b00 : p.x_at == ExecAt::El0Only ? 0b01 : 0b11;
    }
    // A block or page descriptor at `level`, with the access flag set.
    constexpr Pte leaf(arch::Pa pa, unsigned level, const Attributes& a) const {
        return Pte::of(pa.raw & Pte::OA::kMask)
            .with<Pte::Software>(a.software)
            .with<Pte::XN>(xn(a.prot))
            .with<Pte::AF>(1)
            .with<Pte::SH>(3)  // Inner Shareable; hardware makes Device and NC Outer Shareable by itself
            .with<Pte::Write>(a.prot.w)
            .with<Pte::Read>(a.prot.r)
            .with<Pte::MemAttr>(memattr(a.type))
            .with<Pte::Type>(level == kLastLevel)
            .with<Pte::Valid>(1);
    }
    static constexpr Pte table(arch::Pa pa) {
        return Pte::of(pa.raw & Pte::OA::kMask).with<Pte::Type>(1).with<Pte::Valid>(1);
    }
    // The descriptor, one level down, of the part of block `p` that begins `offset` bytes into it.
    static constexpr Pte part_of_block(Pte p, u64 offset, unsigned child_level) {
        return Pte::of(p.raw + offset).with<Pte::Type>(child_level == kLastLevel);
    }
    constexpr Attributes attributes(Pte p) const {
        Attributes a;
        a.prot.r = p.get<Pte::Read>();
        a.prot.w = p.get<Pte::Write>();
        a.prot.x = p.executable();
        a.prot.x_at = p.get<Pte::XN>() == 1 ? ExecAt::El0Only : p.get<Pte::XN>() == 3 ? ExecAt::El1Only : ExecAt::Both;
        a.type = p.get<Pte::MemAttr>() == memattr(MemoryType::Normal)     ? MemoryType::Normal
                 : p.get<Pte::MemAttr>() == memattr(MemoryType::NormalNC) ? MemoryType::NormalNC
                                                                          : MemoryType::Device_nGnRE;
        a.software = static_cast<u8>(p.get<Pte::Software>());
        return a;
    }
};

// Does `now` take away anything that `old` allowed, and add anything that it did not?
constexpr u64 allowed(Pte p) {
    u64 xn = p.get<Pte::XN>();  // 00 both, 01 EL0, 11 EL1, 10 none
    u64 el0 = xn == 0 || xn == 1, el1 = xn == 0 || xn == 3;
    return p.get<Pte::S2AP>() | el0 << 2 | el1 << 3;
}
constexpr bool reduces(Pte old, Pte now) { return allowed(old) & ~allowed(now); }
constexpr bool relaxes(Pte old, Pte now) { return allowed(now) & ~allowed(old); }

// What a walk finds.
struct Leaf {
    bool valid = false;
    u8 level = 0;  // of the leaf, or of the entry that is invalid
    bool young = false;
    Attributes attributes;
    arch::Pa pa{};    // of the byte that was asked for
    u64 span() const { return span_of_level(level); }
};

static_assert(PteFormat{}.leaf(arch::Pa(0x40000000), 3, {kProtRwx}).raw == 0x400007ff);
static_assert(PteFormat{}.leaf(arch::Pa(0x40000000), 2, {kProtR}).raw == 0x0040'0000'4000'077d);
static_assert(PteFormat{true, true}.leaf(arch::Pa(0x40000000), 3, {kProtRw}).raw == 0x0040'0000'4000'07db);
static_assert(PteFormat{}.leaf(arch::Pa(0x09000000), 3, {kProtRw, MemoryType::Device_nGnRE}).raw ==
              0x0040'0000'0900'07c7);
static_assert(PteFormat::table(arch::Pa(0xffff'ffff'f000)).raw == 0xffff'ffff'f003);

}  // namespace nest::stage2
