// SPDX-License-Identifier: GPL-2.0-only
// What a VM's virtual EL2 has, as far as register bits and instructions depend on it: from the VM's ID registers, once.
#pragma once
#include <arch/registers.hpp>

namespace nest::nested {

enum class Feature : u8 {
    kAlways,
    kFgt,
    kHcx,
    kMops,
    kEcv,
    kEvt,
    kEvtTtlb,    // FEAT_EVT with TTLBIS and TTLBOS
    kTlbiOs,
    kTlbiRange,
    kXs,
    kPan,
    kPan2,
    kAts1a,
    kDpb,
    kDpb2,
    kRas,
    kRasV1p1,
    kLor,
    kPauth,
    kPmu,
    kSve,
    kGic,
    kVmid16,
    kCnp,
    kFwb,
    kAccessFlag,  // FEAT_HAFDBS, the access flag at least
    kDirtyState,  // … and the dirty state
    kHpds2,
    kLpa2,        // of stage 2, for one granule at least
    kDoubleLock,
    kNv2,
    kVhe,        // HCR_EL2.E2H may be 1
    kE2h0,       // HCR_EL2.E2H may be 0
    kNv1,        // HCR_EL2.NV1, for an L2 that is a hypervisor with E2H 0
    kCount
};

// How an authentication fails ([DDI0487] D8.10), from the level that ID_AA64ISAR1_EL1.{APA,API} or ISAR2.APA3 shows.
enum class Pac : u8 { kNone = 0, kPoison = 1, kEnhanced = 2, kXor = 3, kFault = 4, kFaultCombined = 5 };

struct Features {
    u64 bits = 1;  // kAlways
    Pac pac = Pac::kNone;
    bool mte = false;

    constexpr bool has(Feature f) const { return bits >> static_cast<unsigned>(f) & 1; }
    constexpr Features& set(Feature f, bool shown) {
        const u64 bit = u64{1} << static_cast<unsigned>(f);
        bits = shown ? bits | bit : bits & ~bit;
        return *this;
    }
};
static_assert(static_cast<unsigned>(Feature::kCount) <= 64);

// ID_AA64MMFR4_EL1.E2H0: neither HCR_EL2.E2H 0 nor NV1. (0xf: no E2H 0, but NV1.)
inline constexpr u64 kE2h0AndNv1Absent = 0xe;

// `ids.template get<R>()` is the VM's value of an ID register.
template <typename Ids>
constexpr Features features_of(const Ids& ids) {
    using namespace arch;
    const auto pfr0 = ids.template get<ID_AA64PFR0_EL1>();
    const auto pfr1 = ids.template get<ID_AA64PFR1_EL1>();
    const auto dfr0 = ids.template get<ID_AA64DFR0_EL1>();
    const auto isar1 = ids.template get<ID_AA64ISAR1_EL1>();
    const auto isar2 = ids.template get<ID_AA64ISAR2_EL1>();
    const auto mmfr0 = ids.template get<ID_AA64MMFR0_EL1>();
    const auto mmfr1 = ids.template get<ID_AA64MMFR1_EL1>();
    const auto mmfr2 = ids.template get<ID_AA64MMFR2_EL1>();
    const auto mmfr4 = ids.template get<ID_AA64MMFR4_EL1>();
    const u64 tlb = ids.template get<ID_AA64ISAR0_EL1>().template get<ID_AA64ISAR0_EL1::TLB>();
    const u64 dpb = isar1.template get<ID_AA64ISAR1_EL1::DPB>();
    const u64 pan = mmfr1.template get<ID_AA64MMFR1_EL1::PAN>();
    const u64 evt = mmfr2.template get<ID_AA64MMFR2_EL1::EVT>();
    const u64 ras = pfr0.template get<ID_AA64PFR0_EL1::RAS>();
    const u64 pmu = dfr0.template get<ID_AA64DFR0_EL1::PMUVer>();
    const u64 apa = isar1.template get<ID_AA64ISAR1_EL1::APA>(), api = isar1.template get<ID_AA64ISAR1_EL1::API>();
    const u64 apa3 = isar2.template get<ID_AA64ISAR2_EL1::APA3>();
    const u64 address_auth = apa > api ? (apa > apa3 ? apa : apa3) : (api > apa3 ? api : apa3);
    Features f;
    f.set(Feature::kFgt, mmfr0.template get<ID_AA64MMFR0_EL1::FGT>() != 0)
        .set(Feature::kEcv, mmfr0.template get<ID_AA64MMFR0_EL1::ECV>() != 0)
        .set(Feature::kHcx, mmfr1.template get<ID_AA64MMFR1_EL1::HCX>() != 0)
        .set(Feature::kMops, isar2.template get<ID_AA64ISAR2_EL1::MOPS>() != 0)
        .set(Feature::kLor, mmfr1.template get<ID_AA64MMFR1_EL1::LO>() != 0)
        .set(Feature::kHpds2, mmfr1.template get<ID_AA64MMFR1_EL1::HPDS>() >= 2)
        .set(Feature::kLpa2, mmfr0.template get<ID_AA64MMFR0_EL1::TGRAN4_2>() == 3 ||
                                 mmfr0.template get<ID_AA64MMFR0_EL1::TGRAN16_2>() == 3)
        .set(Feature::kVmid16, mmfr1.template get<ID_AA64MMFR1_EL1::VMIDBits>() == 2)
        .set(Feature::kAccessFlag, mmfr1.template get<ID_AA64MMFR1_EL1::HAFDBS>() != 0)
        .set(Feature::kDirtyState, mmfr1.template get<ID_AA64MMFR1_EL1::HAFDBS>() >= 2)
        .set(Feature::kPan, pan >= 1)
        .set(Feature::kPan2, pan >= 2)
        .set(Feature::kEvt, evt >= 1)
        .set(Feature::kEvtTtlb, evt >= 2)
        .set(Feature::kFwb, mmfr2.template get<ID_AA64MMFR2_EL1::FWB>() != 0)
        .set(Feature::kCnp, mmfr2.template get<ID_AA64MMFR2_EL1::CnP>() != 0)
        .set(Feature::kTlbiOs, tlb >= 1)
        .set(Feature::kTlbiRange, tlb >= 2)
        .set(Feature::kXs, isar1.template get<ID_AA64ISAR1_EL1::XS>() != 0)
        .set(Feature::kAts1a, isar2.template get<ID_AA64ISAR2_EL1::ATS1A>() != 0)
        .set(Feature::kDpb, dpb >= 1)
        .set(Feature::kDpb2, dpb >= 2)
        .set(Feature::kRas, ras >= 1)
        .set(Feature::kRasV1p1, ras >= 2 || (ras == 1 && pfr1.template get<ID_AA64PFR1_EL1::RAS_frac>() >= 1))
        .set(Feature::kGic, pfr0.template get<ID_AA64PFR0_EL1::GIC>() != 0)
        .set(Feature::kPmu, pmu != 0 && pmu != 0xf)
        .set(Feature::kSve, pfr0.template get<ID_AA64PFR0_EL1::SVE>() != 0)
        .set(Feature::kDoubleLock, dfr0.template get<ID_AA64DFR0_EL1::DoubleLock>() != 0xf)
        .set(Feature::kPauth, address_auth != 0)
        .set(Feature::kNv2, mmfr4.template get<ID_AA64MMFR4_EL1::NV_frac>() != 0 ||
                                mmfr2.template get<ID_AA64MMFR2_EL1::NV>() >= 2)
        .set(Feature::kVhe, mmfr1.template get<ID_AA64MMFR1_EL1::VH>() != 0)
        .set(Feature::kE2h0, mmfr4.template get<ID_AA64MMFR4_EL1::E2H0>() == 0);
    f.set(Feature::kNv1, f.has(Feature::kNv2) && mmfr4.template get<ID_AA64MMFR4_EL1::E2H0>() != kE2h0AndNv1Absent);
    f.pac = static_cast<Pac>(address_auth > 5 ? 5 : address_auth);
    f.mte = pfr1.template get<ID_AA64PFR1_EL1::MTE>() >= 2;
    return f;
}

}  // namespace nest::nested
