// SPDX-License-Identifier: GPL-2.0-only
// A software walk of L1's stage-2 tables: [DDI0487] D8.2 (translation), D8.3.2 (descriptors), D8.5 (access flag and dirty
// state), D8.14 (which fault, which level).
#pragma once
#include <arch/syndrome.hpp>
#include <nested/walk/walk_features.hpp>
#include <nested/walk/walk_memory.hpp>

namespace nest::nested {

// What VTTBR_EL2, VTCR_EL2 and SCTLR_EL2.EE of L1 amount to. Computed from their raw bits, as hardware reads them.
struct Stage2Regime {
    static constexpr u8 kNoFault = 0xff;
    u64 base = 0;             // of the first-level table
    u8 fsc = kNoFault;        // else the fault status code that every walk ends with before it begins
    u8 granule = k4K;
    s8 start_level = 1;
    u8 input_bits = 40;
    u8 output_bits = 40;
    bool big_endian = false;
    bool lpa2 = false;        // descriptors of FEAT_LPA2 (VTCR_EL2.DS): bits 51:50 of the output in place of SH
    u8 sh = 0;                // … which VTCR_EL2.SH0 says for all
    bool sets_access_flag = false;
    bool sets_dirty_state = false;
    bool xnx = false;
    bool fwb = false;         // HCR_EL2.FWB of L1: another encoding of MemAttr
    bool uncached = false;    // HCR_EL2.CD of L1: all that is Normal is Non-cacheable for data and walks; for PAR_EL1
};
// `big_endian`: SCTLR_EL2.EE of L1. `uncached` is left for the caller to set.
Stage2Regime stage2_regime(arch::VTTBR_EL2 vttbr, arch::VTCR_EL2 vtcr, bool big_endian, bool fwb, const MmuFeatures& vm);

enum class WalkStatus : u8 {
    kTranslated,
    kFault,   // `fsc` says which
    kAbsent,  // `absent` must be faulted in first; if no memory is there, the walk ends in a fault with `fsc`
    kAgain,   // the guest keeps changing the descriptor that the walk wants to mark: let it run on
};

struct Stage2Result {
    WalkStatus status = WalkStatus::kFault;
    u8 fsc = 0;             // ESR_ELx's fault status code, level included
    u8 level = 0;           // of the leaf
    u8 shift = 0;           // log2 of its size, 0 without stage 2 (nothing to invalidate)
    u8 memattr = 0;         // MemAttr of the descriptor
    u8 sh = 0;
    stage2::Attributes attributes;  // permissions and type, not the software bits
    arch::Ipa output{};     // of the byte asked for
    arch::Ipa absent{};
    bool absent_write = false;  // … for writing: the walk wants to mark the descriptor
};

namespace detail {

constexpr stage2::MemoryType type_of(unsigned memattr, bool fwb) {
    using stage2::MemoryType;
    if (fwb)  // D8.6.6: 0xx Device, 101 Non-cacheable, 110 Write-Back, 111 what stage 1 says
        return !(memattr & 4) ? MemoryType::Device_nGnRE : (memattr & 7) == 5 ? MemoryType::NormalNC : MemoryType::Normal;
    // D8.6.5: outer and inner. Write-Through counts as Non-cacheable, which it may be.
    return (memattr >> 2) == 0 ? MemoryType::Device_nGnRE : memattr == 15 ? MemoryType::Normal : MemoryType::NormalNC;
}

}  // namespace detail

// What a leaf of L1 permits.
constexpr stage2::Attributes decode_stage2_leaf(const Stage2Regime& regime, u64 descriptor) {
    stage2::Attributes a;
    a.prot.r = descriptor >> 6 & 1;
    a.prot.w = descriptor >> 7 & 1;
    const unsigned xn = static_cast<unsigned>(descriptor >> 53) & 3;
    if (regime.xnx) {
        a.prot.x = xn != 2;
        a.prot.x_at = xn == 1 ? stage2::ExecAt::El0Only : xn == 3 ? stage2::ExecAt::El1Only : stage2::ExecAt::Both;
    } else {
        a.prot.x = !(xn & 2);
    }
    a.type = detail::type_of(descriptor >> 2 & 15, regime.fwb);
    return a;
}

namespace detail {

struct Step {
    u64 descriptor;
    arch::Ipa at;
    int level;
};

constexpr u64 in_order(u64 word, bool big_endian) { return big_endian ? __builtin_bswap64(word) : word; }
// Level -1 has codes of its own, and is the first level of a walk: neither leaves nor access flags are there.
constexpr u8 fsc_of(u64 type, int level) {
    if (level < 0)
        return type == arch::kFscAddressSize ? 0x29 : type == arch::kFscTranslation ? 0x2b : 0x13;
    return static_cast<u8>(type | static_cast<u64>(level & 3));
}
// The output address in a descriptor, down to bit `from`: bits 47:from, or with `lpa2` 49:from and 51:50 in 9:8.
constexpr u64 address_bits(u64 descriptor, unsigned from, bool lpa2 = false) {
    const u64 low = ~((u64{1} << from) - 1);
    return lpa2 ? (descriptor & 0x0003'ffff'ffff'ffff & low) | (descriptor >> 8 & 3) << 50 : descriptor & 0x0000'ffff'ffff'ffff & low;
}

inline Stage2Result stopped(WalkStatus status, u8 fsc) {
    Stage2Result r;
    r.status = status;
    r.fsc = fsc;
    return r;
}
inline Stage2Result not_reached(Access access, arch::Ipa at, bool write, int level) {
    Stage2Result r = stopped(access == Access::kAbsent ? WalkStatus::kAbsent : WalkStatus::kFault,
                             fsc_of(arch::kFscExternalOnWalk, level));
    r.absent = at;
    r.absent_write = write;
    return r;
}

// Hardware's updates of the leaf, if the access calls for one. kDone: `step.descriptor` is up to date.
template <TableMemory M>
Access update_leaf(const Stage2Regime& regime, M& memory, Step& step, bool write) {
    constexpr u64 kAf = u64{1} << 10, kWrite = u64{1} << 7, kDbm = u64{1} << 51;
    u64 now = step.descriptor;
    if (regime.sets_access_flag)
        now |= kAf;
    if (regime.sets_dirty_state && write && (now & kDbm) && (now & kAf))
        now |= kWrite;
    if (now == step.descriptor)
        return Access::kDone;
    const Access access = memory.exchange(step.at, in_order(step.descriptor, regime.big_endian), in_order(now, regime.big_endian));
    if (access == Access::kDone)
        step.descriptor = now;
    return access;
}

template <TableMemory M>
Stage2Result finish_stage2(const Stage2Regime& regime, M& memory, Step step, u64 ipa, bool write) {
    const unsigned shift = entry_shift(regime.granule, step.level);
    const u64 output = address_bits(step.descriptor, shift, regime.lpa2);
    if (output >> regime.output_bits)
        return stopped(WalkStatus::kFault, fsc_of(arch::kFscAddressSize, step.level));
    const Access access = update_leaf(regime, memory, step, write);
    if (access == Access::kChanged)
        return stopped(WalkStatus::kAgain, 0);
    if (access != Access::kDone)
        return not_reached(access, step.at, true, step.level);
    if (!(step.descriptor >> 10 & 1))
        return stopped(WalkStatus::kFault, fsc_of(arch::kFscAccessFlag, step.level));
    Stage2Result r;
    r.status = WalkStatus::kTranslated;
    r.level = static_cast<u8>(step.level);
    r.shift = static_cast<u8>(shift);
    r.memattr = step.descriptor >> 2 & 15;
    r.sh = regime.lpa2 ? regime.sh : step.descriptor >> 8 & 3;
    r.attributes = decode_stage2_leaf(regime, step.descriptor);
    r.output = arch::Ipa(output | (ipa & ((u64{1} << shift) - 1)));
    return r;
}

}  // namespace detail

// `write`: the access wants to write, which may set the dirty state. Permissions are for the caller to check. As many
// reads as the table has levels, whatever its content.
template <TableMemory M>
Stage2Result walk_stage2(const Stage2Regime& regime, M& memory, u64 ipa, bool write) {
    using namespace detail;
    if (ipa >> regime.input_bits)
        return stopped(WalkStatus::kFault, fsc_of(arch::kFscTranslation, 0));
    if (regime.fsc != Stage2Regime::kNoFault)
        return stopped(WalkStatus::kFault, regime.fsc);
    const unsigned stride = bits_per_level(regime.granule);
    u64 table = regime.base;
    u64 index_mask = ~u64{0};  // the first tables are concatenated
    unsigned shift = entry_shift(regime.granule, regime.start_level);
    for (int level = regime.start_level;; level++, shift -= stride, index_mask = (u64{1} << stride) - 1) {
        const arch::Ipa at(table + (ipa >> shift & index_mask) * 8);
        const Word word = memory.read(at);
        if (word.access != Access::kDone)
            return not_reached(word.access, at, false, level);
        const u64 descriptor = in_order(word.value, regime.big_endian);
        const unsigned type = descriptor & 3;
        if (type != 3 || level == kLastLevel) {
            if (type != 3 && (type != 1 || !has_blocks(regime.granule, level, regime.lpa2)))
                return stopped(WalkStatus::kFault, fsc_of(arch::kFscTranslation, level));
            return finish_stage2(regime, memory, Step{descriptor, at, level}, ipa, write);
        }
        table = address_bits(descriptor, regime.granule, regime.lpa2);
        if (table >> regime.output_bits)
            return stopped(WalkStatus::kFault, fsc_of(arch::kFscAddressSize, level));
    }
}

// L1 has stage 2 off (HCR_EL2.VM = 0): every address is its own output.
Stage2Result identity_stage2(u64 ipa);

}  // namespace nest::nested
