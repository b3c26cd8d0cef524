// SPDX-License-Identifier: GPL-2.0-only
#include <arch/address.hpp>
#include <nested/vel2/features.hpp>
#include <nested/vel2/id_registers.hpp>

namespace nest::nested {
namespace {

using namespace arch;

template <typename F, typename R>
R at_most(R reg, u64 most) {
    return reg.template get<F>() > most ? reg.template with<F>(most) : reg;
}

// TGRAN4 and TGRAN16 with FEAT_LPA2.
constexpr u64 k4KWithLpa2 = 1, k16KWithLpa2 = 2;

// FEAT_GTG: 1 no stage 2 of this granule, 2 stage 2 of it, 3 with FEAT_LPA2.
constexpr u64 kNoStage2 = 1, kStage2 = 2, kStage2WithLpa2 = 3;

// Does the host's stage 2 have the granule? TGRANx_2 0 means "as stage 1", where 0xf (4K, 64K) or 0 (16K) means no.
bool has_stage2(u64 stage2, u64 stage1, u64 stage1_absent) {
    return stage2 == 0 ? stage1 != stage1_absent : stage2 >= kStage2;
}

// Shadow stage 2 composes from pages of the host's size: a smaller granule of L1's is refused.
u64 stage2_granule(bool exists, unsigned shift, bool lpa2) {
    return exists && shift >= kPageShift ? (lpa2 ? kStage2WithLpa2 : kStage2) : kNoStage2;
}

u64 mmfr0(u64 host_raw, u64 flat) {
    using R = ID_AA64MMFR0_EL1;
    const R host = R::of(host_raw);
    const bool has4 = has_stage2(host.get<R::TGRAN4_2>(), host.get<R::TGRAN4>(), 0xf);
    const bool has16 = has_stage2(host.get<R::TGRAN16_2>(), host.get<R::TGRAN16>(), 0);
    const bool has64 = has_stage2(host.get<R::TGRAN64_2>(), host.get<R::TGRAN64>(), 0xf);
    R r = R::of(flat).with<R::EXS>(0).with<R::SNSMEM>(0);
    r = at_most<R::ECV>(r, 1);  // CNTPOFF_EL2 is the host's
    return r.with<R::FGT>(host.get<R::FGT>() ? 1 : 0)  // no FEAT_FGT2
        .with<R::TGRAN4_2>(stage2_granule(has4, 12, r.get<R::TGRAN4>() == k4KWithLpa2))
        .with<R::TGRAN16_2>(stage2_granule(has16, 14, r.get<R::TGRAN16>() == k16KWithLpa2))
        .with<R::TGRAN64_2>(stage2_granule(has64, 16, false)).raw;
}

u64 mmfr1(u64 flat, bool vhe) {
    using R = ID_AA64MMFR1_EL1;
    // TWED's delay would be the host's; ETS and nTLBPA promise what shadows do not keep.
    const R r = R::of(flat).with<R::VH>(vhe).with<R::TWED>(0).with<R::CMOW>(0).with<R::nTLBPA>(0).with<R::ETS>(0);
    return at_most<R::HAFDBS>(r, 2).raw;  // access flag and dirty state, which shadow faults mark; nothing for tables (FEAT_HAFT)
}

u64 mmfr2(u64 flat) {
    using R = ID_AA64MMFR2_EL1;
    // NV is shown as MMFR4.NV_frac. TTL: the level hints are understood. BBM 0: L1 breaks before it makes, as we do.
    return R::of(flat).with<R::NV>(0).with<R::BBM>(0).with<R::ST>(0).with<R::CCIDX>(0).with<R::VARange>(0)
        .with<R::TTL>(1).raw & ~(u64{0xf} << 44);
}

}  // namespace

u64 id_register_with_el2(SysReg reg, u64 host, u64 flat, ShownEl2 shown) {
    if (is_aarch32_id_register(encoding_of(reg)))
        return 0;
    switch (reg) {
    case SysReg::ID_AA64PFR0_EL1: {
        using R = ID_AA64PFR0_EL1;  // AArch64 alone at every EL. EL3 makes HCR_EL2.HCD RES0 and SMC a call to us.
        return R::of(flat).with<R::EL0>(1).with<R::EL1>(1).with<R::EL2>(1).with<R::EL3>(1).raw;
    }
    case SysReg::ID_AA64PFR1_EL1: {
        using R = ID_AA64PFR1_EL1;
        return R::of(flat).with<R::MTE>(0).with<R::MPAM_frac>(0).raw;
    }
    case SysReg::ID_AA64DFR0_EL1: {
        using R = ID_AA64DFR0_EL1;
        return R::of(flat).with<R::CTX_CMPs>(0).raw;
    }
    case SysReg::ID_AA64ISAR1_EL1: {
        using R = ID_AA64ISAR1_EL1;
        return R::of(flat).with<R::LS64>(0).with<R::SPECRES>(0).raw;
    }
    case SysReg::ID_AA64MMFR0_EL1: return mmfr0(host, flat);
    case SysReg::ID_AA64MMFR1_EL1: return mmfr1(flat, shown.vhe);
    case SysReg::ID_AA64MMFR2_EL1: return mmfr2(flat);
    case SysReg::ID_AA64MMFR4_EL1: {
        // For its own guests L1 has NV2 and no NV without it.
        using R = ID_AA64MMFR4_EL1;
        constexpr u64 kNv2Only = 1;
        return R{}.with<R::E2H0>(shown.e2h0 ? 0 : kE2h0AndNv1Absent).with<R::NV_frac>(shown.nv2 ? kNv2Only : 0).raw;
    }
    default: return flat;
    }
}

}  // namespace nest::nested
