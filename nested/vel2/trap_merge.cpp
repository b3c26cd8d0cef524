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

// HCR_EL2's bits that are set for L2 when the host or L1 sets them. Left out: TGE and FIEN, which L2 never has; E2H, RW,
// SWIO and VM, which are the host's; FWB, which only says how L1's stage 2 is to be read; API and APK, where 0 traps; IMO,
// FMO and AMO, which are set anyway; VI, VF, VSE and NV, which merge_hcr() treats one by one.
//
// Left out as well: CD and ID. They would make L2's accesses by way of stage 2 Non-cacheable, with FEAT_S2FWB as well: where
// the kernel has zeroed a page in its caches only, L2 would read from DRAM what the page's last owner left. With CD and ID
// clear L2's accesses are coherent with everyone's; a guest can tell that from Non-cacheable accesses by their time alone.
constexpr u64 kEither =
    H::mask<H::TID4, H::TTLBOS, H::TTLBIS, H::TOCU, H::TICAB, H::AT, H::TEA, H::TERR, H::TLOR, H::TRVM, H::TDZ, H::TVM,
            H::TTLB, H::TPU, H::TPCP, H::TSW, H::TACR, H::TIDCP, H::TSC, H::TID3, H::TID2, H::TID1, H::TWE, H::TWI, H::DC,
            H::BSU, H::FB, H::PTW>();

constexpr u64 kDebugTraps = M::mask<M::TDCC, M::TTRF, M::TPMS, M::TDRA, M::TDOSA, M::TDA, M::TDE, M::TPM, M::TPMCR>();

HCR_EL2 merge_hcr(HCR_EL2 ours, HCR_EL2 l1) {
    HCR_EL2 hcr = H::of(ours.raw | (l1.raw & kEither));
    hcr.raw &= ~(H::mask<H::API, H::APK>() & ~l1.raw);
    // VI, VF and VSE signal a virtual interrupt only where the physical one is routed to EL2 (IMO, FMO, AMO of L1).
    if (l1.get<H::IMO>())
        hcr.raw |= l1.raw & H::VI::kMask;
    if (l1.get<H::FMO>())
        hcr.raw |= l1.raw & H::VF::kMask;
    if (l1.get<H::AMO>())
        hcr.raw |= l1.raw & H::VSE::kMask;
    // L2 is a hypervisor itself. NV always means NV2 as well (ID_AA64MMFR4_EL1.NV_frac), whether or not L1 has set NV2;
    // hardware's NV2 is set once the page behind L1's VNCR_EL2 is known (load_l2_vncr()).
    if (l1.get<H::NV>())
        hcr.raw |= l1.raw & H::mask<H::NV, H::NV1>();
    return hcr;
}

}  // namespace

vhe::TrapConfig vel2_traps(const vhe::TrapConfig& ours, vhe::Vel2Form form, DebugTraps debug, bool fgt) {
    vhe::TrapConfig t = ours;
    // TTLB and AT: whether L1's TLBI VAE1 or AT S1E1 means its own EL2&0 regime or its guest's EL1&0 depends on L1's TGE,
    // which L1 sets and clears in memory, without an exit. NV1: without E2H, L1's EL1 names mean its guest's registers, which NV2
    // has in memory. Without NV2 NV1 traps three of these names, TVM and TRVM those of the translation and exception registers,
    // and TCPAC the last one.
    t.hcr.raw |= H::mask<H::NV, H::AT, H::TTLB>();
    t.hcr = t.hcr.with<H::NV2>(form.nv2).with<H::NV1>(!form.e2h);
    if (!form.e2h && !form.nv2)
        t.hcr.raw |= H::mask<H::TVM, H::TRVM>();
    // With E2H the name CPACR_EL1 means CPTR_EL2. Hardware's CPACR_EL1 has no TCPAC and TAM, and would lose them.
    if (form.e2h || !form.nv2)
        t.cptr = t.cptr.with<CPTR_EL2::TCPAC>(1);
    // L1 writes MDSCR_EL1 on each of its world switches. NV2 sends the write to the VNCR page, if TDA does not trap it.
    const bool may_open = form.nv2 && fgt && debug != DebugTraps::kAll && !ours.mdcr.get<M::TDE>();
    if (!may_open)
        return t;
    t.mdcr = t.mdcr.with<M::TDA>(0).with<M::TDCC>(1);
    t.hdfgrtr.raw |= kDebugButMdscr;
    t.hdfgwtr.raw |= kDebugButMdscr;
    if (debug == DebugTraps::kMdscrWrites)
        t.hdfgwtr.raw |= kMdscr;
    return t;
}

vhe::TrapConfig l2_traps(const vhe::TrapConfig& ours, const Config& config, const vncr::RegisterFile& file, bool e2h) {
    const RegisterMasks& masks = config.masks;
    vhe::TrapConfig t = ours;
    t.hcr = merge_hcr(ours.hcr, masks.get<HCR_EL2>(file));
    // FnXS and FGTnXS act on barriers and TLBIs that L2 executes without an exit: L1's values go to hardware as they are. MSCEn is
    // an enable: L2 has what both give.
    const HCRX_EL2 l1x = masks.get<HCRX_EL2>(file);
    t.hcrx = HCRX_EL2::of(ours.hcrx.raw | l1x.raw).with<HCRX_EL2::MSCEn>(ours.hcrx.get<HCRX_EL2::MSCEn>() & l1x.get<HCRX_EL2::MSCEn>());
    t.cptr.raw |= masked_cptr_of(config, file, e2h).raw & CPTR_EL2::mask<CPTR_EL2::TCPAC, CPTR_EL2::TAM, CPTR_EL2::TTA>();
    // Without E2H L2 has CPACR_EL1 in memory: where NV2 cannot redirect the access, no other control than TCPAC traps it.
    if (t.hcr.get<H::NV1>())
        t.cptr = t.cptr.with<CPTR_EL2::TCPAC>(1);
    t.mdcr.raw |= masks.get<MDCR_EL2>(file).raw & kDebugTraps;
    if (!config.features.has(Feature::kFgt))
        return t;
    // The masks leave only bits of L1's where 1 traps. Bits where 0 traps (nXX) are 0 in `ours`, and stay so: trapped.
    t.hfgrtr.raw |= masks.get<HFGRTR_EL2>(file).raw;
    t.hfgwtr.raw |= masks.get<HFGWTR_EL2>(file).raw;
    t.hfgitr.raw |= masks.get<HFGITR_EL2>(file).raw;
    t.hdfgrtr.raw |= masks.get<HDFGRTR_EL2>(file).raw;
    t.hdfgwtr.raw |= masks.get<HDFGWTR_EL2>(file).raw;
    return t;
}

}  // namespace nest::nested
