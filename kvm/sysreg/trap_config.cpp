// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/abi/registers.hpp>
#include <kvm/cpu/id_registers.hpp>
#include <kvm/sysreg/trap_config.hpp>

namespace nest::kvm {
namespace {

using namespace arch;

template <typename R>
R host_value() {
    return R::of(nest_port_feature_register(encoding_of(R::kReg).raw));
}

// The ID register fields that fine_grained_traps.def's conditions ask for.
struct Shown {
    u64 tlb, specres, ats1a, pan, dpb, mops;
};
Shown shown(const IdRegisters& ids) {
    auto isar1 = ids.get<ID_AA64ISAR1_EL1>();
    auto isar2 = ids.get<ID_AA64ISAR2_EL1>();
    return {ids.get<ID_AA64ISAR0_EL1>().get<ID_AA64ISAR0_EL1::TLB>(), isar1.get<ID_AA64ISAR1_EL1::SPECRES>(),
            isar2.get<ID_AA64ISAR2_EL1::ATS1A>(), ids.get<ID_AA64MMFR1_EL1>().get<ID_AA64MMFR1_EL1::PAN>(),
            isar1.get<ID_AA64ISAR1_EL1::DPB>(), isar2.get<ID_AA64ISAR2_EL1::MOPS>()};
}

HCR_EL2 compute_hcr(const CpuState& state, const TrapHost& host, const TrapPolicy& policy) {
    using H = HCR_EL2;
    constexpr u64 always = H::mask<H::E2H, H::RW, H::VM, H::PTW, H::SWIO, H::FMO, H::IMO, H::AMO, H::FB, H::TSC, H::TIDCP,
                                   H::TACR, H::TSW, H::TLOR, H::TID3, H::TID1, H::TID5>();
    bool pauth = state.has_feature(abi::KVM_ARM_VCPU_PTRAUTH_ADDRESS);
    // TID4 traps the same as TID2, except CTR_EL0: used where the guest may read the machine's CTR_EL0.
    bool real_ctr = host.evt && !host.mixed_ctr && state.ids.get<CTR_EL0>().raw == host.ctr;
    return H::of(always)
        .with<H::BSU>(1)  // barriers reach the inner shareable domain at least
        .with<H::TWI>(policy.trap_wfi)
        .with<H::TWE>(policy.trap_wfe)
        .with<H::TVM>(policy.track_caches)
        .with<H::FWB>(host.fwb)
        .with<H::TEA>(host.ras)
        .with<H::TERR>(host.ras)
        .with<H::API>(pauth)
        .with<H::APK>(pauth)
        .with<H::TID4>(real_ctr)
        .with<H::TID2>(!real_ctr)
        .with<H::TTLBOS>(shown(state.ids).tlb == 0);
}

MDCR_EL2 compute_mdcr(const CpuState& state) {
    using M = MDCR_EL2;
    // E2PB and E2TB 0: the profiling and trace buffers are EL2's.
    return M::of(M::mask<M::TPM, M::TPMCR, M::TDRA, M::TDOSA, M::TDA, M::TPMS, M::TTRF>())
        .with<M::TDE>(state.debug.control != 0);
}

}  // namespace

TrapHost TrapHost::probe() {
    auto mmfr2 = host_value<ID_AA64MMFR2_EL1>();
    return {mmfr2.get<ID_AA64MMFR2_EL1::FWB>() != 0, mmfr2.get<ID_AA64MMFR2_EL1::EVT>() != 0,
            host_value<ID_AA64PFR0_EL1>().get<ID_AA64PFR0_EL1::RAS>() != 0, host_value<CTR_EL0>().raw, false};
}

vhe::TrapConfig compute_traps(const CpuState& state, const TrapHost& host, const TrapPolicy& policy) {
    vhe::TrapConfig t{};
    t.hcr = compute_hcr(state, host, policy);
    // Of the features that HCRX_EL2 enables MOPS is shown; TCR2, SCTLR2, LS64, FPMR, GCS and D128 are hidden and UNDEFINED. So is
    // FEAT_NMI, whether or not the kernel tells of it: where a CPU lacks it, the bit is RES0.
    // MCE2: a VM may move between CPUs of different algorithms while its kernel copies (restart_at_prologue()).
    Shown f = shown(state.ids);
    t.hcrx = HCRX_EL2{}.with<HCRX_EL2::TALLINT>(1).with<HCRX_EL2::MSCEn>(f.mops != 0).with<HCRX_EL2::MCE2>(f.mops != 0);
    t.cptr = CPTR_EL2{}.with<CPTR_EL2::TAM>(1).with<CPTR_EL2::TTA>(1);
    t.mdcr = compute_mdcr(state);
    t.hstr.raw = 1 << 15;  // AArch32's IMPLEMENTATION DEFINED registers, cp15 c15
#define FGT(register, mask, condition) \
    if (condition)                     \
        t.register.raw |= mask;
#include <kvm/sysreg/fine_grained_traps.def>
#undef FGT
    return t;
}

}  // namespace nest::kvm
