// SPDX-License-Identifier: GPL-2.0-only
#include <nested/vel2/trap_merge.hpp>

namespace nest::nested {
namespace {

using namespace arch;
using H = HCR_EL2;
using M = MDCR_EL2;

// HDFGRTR_EL2 and HDFGWTR_EL2: all of the debug registers that MDCR_EL2.TDA traps, but MDSCR_EL1.
constexpr u64 kDebugButMdscr = 0x46f;  // OSECCR, DBGAUTHSTATUS, DBGCLAIM, DBGWVR, DBGWCR, DBGBVR, DBGBCR
constexpr u64 kMdscr = 0x10;

// Set by either of us. Left out: TGE and FIEN, never L2's; E2H, RW, SWIO, VM, ours; FWB, which only says how L1's stage
// 2 is to be read; API and APK, where 0 traps; IMO, FMO, AMO, which are set anyway; VI, VF, VSE and NV below.
//
// CD and ID, too, which would make L2's accesses by way of stage 2 Non-cacheable, with FEAT_S2FWB as well: L2 would read
// what a page of RAM held before the kernel, in its caches, had zeroed it. Without them L2's accesses are coherent with
// everyone's, which is all that a guest can tell from Non-cacheable ones, apart from their time.
constexpr u64 kEither =
    H::mask<H::TID4, H::TTLBOS, H::TTLBIS, H::TOCU, H::TICAB, H::AT, H::TEA, H::TERR, H::TLOR, H::TRVM, H::TDZ, H::TVM,
            H::TTLB, H::TPU, H::TPCP, H::TSW, H::TACR, H::TIDCP, H::TSC, H::TID3, H::TID2, H::TID1, H::TWE, H::TWI, H::DC,
            H::BSU, H::FB, H::PTW>();

constexpr u64 kDebugTraps = M::mask<M::TDCC, M::TTRF, M::TPMS, M::TDRA, M::TDOSA, M::TDA, M::TDE, M::TPM, M::TPMCR>();

HCR_EL2 merge_hcr(HCR_EL2 ours, HCR_EL2 l1) {
    HCR_EL2 hcr = H::of(ours.raw | (l1.raw & kEither));
    hcr.raw &= ~(H::mask<H::API, H::APK>() & ~l1.raw);
    // A virtual interrupt that L1 signals by a bit counts only if L1 takes the physical one itself.
    if (l1.get<H::IMO>())
        hcr.raw |= l1.raw & H::VI::kMask;
    if (l1.get<H::FMO>())
        hcr.raw |= l1.raw & H::VF::kMask;
    if (l1.get<H::AMO>())
        hcr.raw |= l1.raw & H::VSE::kMask;
    // L2 is a hypervisor itself. There is no NV without NV2 (ID_AA64MMFR4_EL1.NV_frac), also if L1 forgot to set it;
    // ours is set once there is a page for it (load_l2_vncr()).
    if (l1.get<H::NV>())
        hcr.raw |= H::NV::kMask;
    return hcr;
}

}  // namespace

vhe::TrapConfig vel2_traps(const vhe::TrapConfig& ours, const Config& config, DebugTraps debug, bool fgt, bool e2h) {
    vhe::TrapConfig t = ours;
    // TTLB and AT: whether L1's TLBI VAE1 or AT S1E1 mean its own EL2&0 regime or its guest's EL1&0 depends on its TGE,
    // which it sets and clears in memory. NV1: without E2H, its EL1 names mean its guest's registers.
    t.hcr.raw |= H::mask<H::NV, H::AT, H::TTLB>();
    t.hcr = t.hcr.with<H::NV2>(config.nv2).with<H::NV1>(!e2h);
    // CPACR_EL1 names CPTR_EL2 there, but has no TCPAC and TAM: an untrapped write would lose them.
    t.cptr = t.cptr.with<CPTR_EL2::TCPAC>(1);
    // L1 writes MDSCR_EL1 on each of its world switches. NV2 sends that to the VNCR page, if TDA does not trap it.
    const bool may_open = config.nv2 && fgt && debug != DebugTraps::kAll && !ours.mdcr.get<M::TDE>();
    if (!may_open)
        return t;
    t.mdcr = t.mdcr.with<M::TDA>(0).with<M::TDCC>(1);
    t.hdfgrtr.raw |= kDebugButMdscr;
    t.hdfgwtr.raw |= kDebugButMdscr;
    if (debug == DebugTraps::kMdscrWrites)
        t.hdfgwtr.raw |= kMdscr;
    return t;
}

vhe::TrapConfig l2_traps(const vhe::TrapConfig& ours, const Config& config, const vncr::RegisterFile& file) {
    const RegisterMasks& masks = config.masks;
    vhe::TrapConfig t = ours;
    t.hcr = merge_hcr(ours.hcr, masks.get<HCR_EL2>(file));
    // FnXS and FGTnXS act on L2's own barriers and TLBI, in which we have no part.
    t.hcrx.raw |= masks.get<HCRX_EL2>(file).raw;
    t.cptr.raw |= masks.get<CPTR_EL2>(file).raw & CPTR_EL2::mask<CPTR_EL2::TCPAC, CPTR_EL2::TAM, CPTR_EL2::TTA>();
    t.mdcr.raw |= masks.get<MDCR_EL2>(file).raw & kDebugTraps;
    if (!config.features.has(Feature::kFgt))
        return t;
    // Only bits where 1 traps are left by the masks; of the others, ours are 0: trapped.
    t.hfgrtr.raw |= masks.get<HFGRTR_EL2>(file).raw;
    t.hfgwtr.raw |= masks.get<HFGWTR_EL2>(file).raw;
    t.hfgitr.raw |= masks.get<HFGITR_EL2>(file).raw;
    t.hdfgrtr.raw |= masks.get<HDFGRTR_EL2>(file).raw;
    t.hdfgwtr.raw |= masks.get<HDFGWTR_EL2>(file).raw;
    return t;
}

}  // namespace nest::nested
