// SPDX-License-Identifier: GPL-2.0-only
// A software walk of a stage-1 regime: [DDI0487] D8.2, D8.4 (permissions), D8.5, D8.14; and what AT leaves in PAR_EL1
// (D24.2.118). For AT instructions that hardware cannot execute for L1, and for L1's VNCR_EL2.
//
// Regimes with two ranges, EL1&0 and EL2&0 (E2H), and with one, EL2 without E2H. Without FEAT_LPA, FEAT_LVA, FEAT_S1PIE and
// FEAT_S1POE.
#pragma once
#include <nested/walk/walk_stage2.hpp>
#include <vhe/el2_layouts.hpp>

namespace nest::nested {

// The registers of the regime, in EL1's layout: TTBR0, TTBR1, TCR, SCTLR, MAIR.
struct Stage1Registers {
    u64 ttbr0 = 0, ttbr1 = 0, tcr = 0, sctlr = 0, mair = 0;
    bool one_privilege = false;  // EL2 without E2H: no EL0, no ASID, and no upper range (TCR_EL1.EPD1)
    bool off = false;  // HCR_EL2.DC or TGE, for EL1&0: as if SCTLR.M were 0
    bool default_cacheable = false;  // HCR_EL2.DC
};

// Of EL2, from its registers; with E2H they have EL1's layout.
constexpr Stage1Registers vel2_stage1(u64 ttbr0, u64 ttbr1, u64 tcr, u64 sctlr, u64 mair, bool e2h) {
    if (e2h)
        return {.ttbr0 = ttbr0, .ttbr1 = ttbr1, .tcr = tcr, .sctlr = sctlr, .mair = mair};
    return {.ttbr0 = vhe::ttbr0_el1_of(ttbr0), .tcr = vhe::tcr_el1_of(tcr), .sctlr = vhe::sctlr_el1_of(sctlr), .mair = mair,
            .one_privilege = true};
}

struct Stage1Access {
    u64 va = 0;
    bool write = false;
    bool exec = false;
    bool el0 = false;
    bool pan = false;         // PSTATE.PAN counts
    bool no_permissions = false;  // AT S1E1A: only whether there is a translation
};

// The ASID of this moment, by TCR.A1 and AS; without FEAT_ASID16 its lower eight bits count.
u16 present_asid(const Stage1Registers& registers);

// One half of the address space, or the fault that every walk of it ends with before it begins.
struct Stage1Regime {
    static constexpr u8 kNoFault = 0xff;
    u8 fsc = kNoFault;
    bool enabled = true;      // false: VA is output
    u8 granule = k4K;
    s8 start_level = 0;
    u8 input_bits = 48;
    u8 output_bits = 48;
    u64 base = 0;
    bool big_endian = false, sets_access_flag = false, sets_dirty_state = false, hierarchy_off = false;
    bool wxn = false, epan = false;
    bool lpa2 = false;        // TCR.DS: bits 51:50 of the output in place of SH
    u8 sh = 0;                // … which TCR.SH0 or SH1 says for all
    bool one_privilege = false;
    u16 asid = 0;
};
Stage1Regime stage1_regime(const Stage1Registers& registers, u64 va, bool el0, const MmuFeatures& vm);

struct Stage1Permissions {
    bool r = false, w = false, x = false;            // of the access' exception level
    bool el0_r = false, el0_w = false;               // for PAN
};

struct Stage1Result {
    WalkStatus status = WalkStatus::kFault;
    u8 fsc = 0;
    bool on_stage2 = false;  // the fault is stage 2's: of the walk (`on_walk`) or of the output
    bool on_walk = false;
    u64 stage2_ipa = 0;      // on_stage2: for HPFAR_EL2
    u8 level = 0;
    u8 shift = 0;            // log2 of the leaf; 0: no translation
    u8 attr = 0;             // MAIR's byte
    u8 sh = 0;
    bool global = true;
    u16 asid = 0;
    u64 output = 0;          // an IPA for EL1&0, of the byte asked for
    Stage1Permissions permissions;
    arch::Ipa absent{};      // kAbsent: L1 IPA
    bool absent_write = false;
};

// Permissions by `descriptor` (AP, UXN, PXN), by the hierarchy (`tables`: APTable, UXNTable and PXNTable of all tables on the
// way, in a descriptor's place), by WXN and by PAN.
Stage1Permissions stage1_permissions(const Stage1Regime& regime, u64 descriptor, u64 tables, bool el0, bool pan);

namespace detail {

// An address that the walk uses, through stage 2 where the regime has one: kTranslated with output, or a fault.
template <TableMemory M>
struct Through {
    M& memory;
    const Stage2Regime* stage2;
    Stage2Result at(u64 ipa, bool write) {
        return stage2 ? walk_stage2(*stage2, memory, ipa, write) : identity_stage2(ipa);
    }
};

inline Stage1Result stage1_stopped(u8 fsc) {
    Stage1Result r;
    r.fsc = fsc;
    return r;
}
inline Stage1Result stage1_from(const Stage2Result& s2, u64 ipa, bool on_walk) {
    Stage1Result r;
    r.status = s2.status;
    r.fsc = s2.fsc;
    r.on_stage2 = true;
    r.on_walk = on_walk;
    r.stage2_ipa = ipa;
    r.absent = s2.absent;
    r.absent_write = s2.absent_write;
    return r;
}
inline Stage1Result stage1_from(Access access, arch::Ipa at, bool write, int level) {
    Stage1Result r;
    r.status = access == Access::kAbsent ? WalkStatus::kAbsent : access == Access::kChanged ? WalkStatus::kAgain : WalkStatus::kFault;
    r.fsc = fsc_of(arch::kFscExternalOnWalk, level);
    r.absent = at;
    r.absent_write = write;
    return r;
}

// A stage-2 translation for a walk: it must be readable, and writable where the descriptor is to be updated.
inline bool walkable(const Stage2Result& s2, bool write) {
    return s2.attributes.prot.r && (!write || s2.attributes.prot.w);
}

template <TableMemory M>
Stage1Result stage1_leaf(const Stage1Regime& g, const Stage1Registers& regs, Through<M> through, const Stage1Access& a, Step step,
                         u64 table_ipa, u64 tables) {
    constexpr u64 kAf = u64{1} << 10, kReadOnly = u64{1} << 7, kDbm = u64{1} << 51;
    const unsigned shift = entry_shift(g.granule, step.level);
    const u64 output = address_bits(step.descriptor, shift, g.lpa2);
    if (output >> g.output_bits)
        return stage1_stopped(fsc_of(arch::kFscAddressSize, step.level));
    u64 now = step.descriptor | (g.sets_access_flag ? kAf : 0);
    if (g.sets_dirty_state && a.write && !a.no_permissions && (now & kDbm) && (now & kAf))
        now &= ~kReadOnly;
    if (now != step.descriptor) {
        const Stage2Result s2 = through.at(table_ipa, true);
        if (s2.status != WalkStatus::kTranslated)
            return stage1_from(s2, table_ipa, true);
        if (!walkable(s2, true)) {
            Stage1Result r = stage1_from(s2, table_ipa, true);
            r.status = WalkStatus::kFault;
            r.fsc = fsc_of(arch::kFscPermission, s2.level);
            return r;
        }
        const Access access = through.memory.exchange(s2.output, in_order(step.descriptor, g.big_endian), in_order(now, g.big_endian));
        if (access != Access::kDone)
            return stage1_from(access, s2.output, true, step.level);
        step.descriptor = now;
    }
    if (!(step.descriptor & kAf))
        return stage1_stopped(fsc_of(arch::kFscAccessFlag, step.level));
    Stage1Result r;
    r.status = WalkStatus::kTranslated;
    r.level = static_cast<u8>(step.level);
    r.shift = static_cast<u8>(shift);
    r.attr = regs.mair >> (step.descriptor >> 2 & 7) * 8 & 0xff;
    r.sh = g.lpa2 ? g.sh : step.descriptor >> 8 & 3;
    r.global = !(step.descriptor >> 11 & 1);
    r.asid = g.asid;
    r.output = output | (a.va & ((u64{1} << shift) - 1));
    r.permissions = stage1_permissions(g, step.descriptor, tables, a.el0, a.pan);
    const Stage1Permissions& p = r.permissions;
    if (!a.no_permissions && !(a.exec ? p.x : a.write ? p.w : p.r)) {
        r.status = WalkStatus::kFault;
        r.fsc = fsc_of(arch::kFscPermission, step.level);
    }
    return r;
}

}  // namespace detail

// `stage2`: L1's, under which EL1&0 lies; nullptr: none (EL2&0, or HCR_EL2.VM = 0). `memory` holds L1 IPAs. At most thirty
// reads (six for each of five levels), whatever the tables say.
template <TableMemory M>
Stage1Result walk_stage1(const Stage1Registers& registers, const Stage1Regime& g, M& memory, const Stage2Regime* stage2,
                         const Stage1Access& a) {
    using namespace detail;
    if (g.fsc != Stage1Regime::kNoFault)
        return stage1_stopped(g.fsc);
    if (!g.enabled) {
        Stage1Result r;
        r.status = WalkStatus::kTranslated;
        r.attr = registers.default_cacheable ? 0xff : 0x00;  // Device-nGnRnE
        r.sh = registers.default_cacheable ? 0 : 2;
        r.output = a.va & ((u64{1} << 56) - 1);
        r.permissions = {true, true, true, true, true};
        return r;
    }
    Through<M> through{memory, stage2};
    u64 table = g.base, tables = 0;
    for (int level = g.start_level;; level++) {
        const unsigned shift = entry_shift(g.granule, level);
        const unsigned top = level == g.start_level ? g.input_bits : shift + bits_per_level(g.granule);
        const u64 index = (a.va & ((u64{1} << top) - 1)) >> shift;
        const u64 ipa = table + index * 8;
        const Stage2Result s2 = through.at(ipa, false);
        if (s2.status != WalkStatus::kTranslated)
            return stage1_from(s2, ipa, true);
        if (!walkable(s2, false)) {
            Stage1Result r = stage1_from(s2, ipa, true);
            r.status = WalkStatus::kFault;
            r.fsc = fsc_of(arch::kFscPermission, s2.level);
            return r;
        }
        const Word word = memory.read(s2.output);
        if (word.access != Access::kDone)
            return stage1_from(word.access, s2.output, false, level);
        const u64 d = in_order(word.value, g.big_endian);
        if (!(d & 1) || (!(d & 2) && !has_blocks(g.granule, level, g.lpa2)))
            return stage1_stopped(fsc_of(arch::kFscTranslation, level));
        if (!(d & 2) || level == kLastLevel)
            return stage1_leaf(g, registers, through, a, Step{d, s2.output, level}, ipa, tables);
        tables |= g.hierarchy_off ? 0 : d & 0x7800'0000'0000'0000;  // APTable 62:61, UXNTable 60, PXNTable 59
        table = address_bits(d, g.granule, g.lpa2);
        if (table >> g.output_bits)
            return stage1_stopped(fsc_of(arch::kFscAddressSize, level));
    }
}

// PAR_EL1. `stage2`: the translation of stage 1's output, for AT S12*; nullptr for AT S1*. `fwb`, `uncached`: Stage2Regime's.
arch::PAR_EL1 par_of(const Stage1Result& stage1, const Stage2Result* stage2, bool fwb, bool uncached = false);

}  // namespace nest::nested
