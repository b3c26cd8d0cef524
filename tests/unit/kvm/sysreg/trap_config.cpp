// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/sysreg/trap_config.hpp>
#include <tests/unit/kvm/cpu/fixture.hpp>

namespace nest::test {
namespace {

constexpr u64 bit(unsigned n) { return u64{1} << n; }
constexpr u64 bits(unsigned high, unsigned low) { return (~u64{0} >> (63 - high)) & (~u64{0} << low); }

vhe::TrapConfig config(Machine& m, const TrapPolicy& policy = {}) {
    return compute_traps(*m, TrapHost::probe(), policy);
}

TEST(TrapConfig, HcrOfAPlainMachine) {
    Machine m(plain_profile());
    // E2H RW | TLOR TTLBOS | TACR TSW TIDCP TSC TID3 TID2 TID1 | TWE TWI BSU FB AMO IMO FMO PTW SWIO VM, TID5
    u64 expected = bit(34) | bit(31) | bit(35) | bit(55) | bit(21) | bit(22) | bit(20) | bit(19) | bit(18) | bit(17) |
                   bit(16) | bit(14) | bit(13) | bit(10) | bit(9) | bit(5) | bits(4, 0) |
                   bit(58);
    EXPECT_EQ(config(m).hcr.raw, expected);
}

// No VM is told of FEAT_NMI, and older kernels do not know it either: it cannot depend on an ID register.
TEST(TrapConfig, AllintIsNotTheGuests) {
    for (const auto& profile : {plain_profile(), max_profile()}) {
        Machine m(profile);
        EXPECT_TRUE(config(m).hcrx.get<arch::HCRX_EL2::TALLINT>());
    }
}

// Memory copies are the one feature that HCRX_EL2 enables, and their exceptions at EL1 come to EL2.
TEST(TrapConfig, HcrxEnablesWhatIsShown) {
    Machine m(max_profile());
    EXPECT_EQ(config(m).hcrx.raw, bit(6) | bit(10) | bit(11)) << "TALLINT MCE2 MSCEn";
    const auto isar2 = m.ids.get<arch::ID_AA64ISAR2_EL1>();
    EXPECT_OK(m.ids.write(arch::encoding_of(SysReg::ID_AA64ISAR2_EL1), isar2.with<arch::ID_AA64ISAR2_EL1::MOPS>(0).raw));
    EXPECT_EQ(config(m).hcrx.raw, bit(6));
}

TEST(TrapConfig, HcrFollowsHostVmAndPolicy) {
    using H = arch::HCR_EL2;
    Machine m(max_profile(), kPointerAuthFeatures);
    auto hcr = config(m).hcr;
    EXPECT_EQ(hcr.get<H::FWB>(), 1u);
    EXPECT_EQ(hcr.get<H::TEA>() & hcr.get<H::TERR>(), 1u);
    EXPECT_EQ(hcr.get<H::API>() & hcr.get<H::APK>(), 1u);
    EXPECT_EQ(hcr.get<H::TTLBOS>(), 0u);
    EXPECT_EQ(hcr.get<H::TID4>(), 1u) << "CTR_EL0 is the host's: no need to trap it";
    EXPECT_EQ(hcr.get<H::TID2>(), 0u);
    constexpr u64 never =
        H::mask<H::TGE, H::VSE, H::ATA, H::FIEN, H::EnSCXT, H::NV, H::NV2, H::TVM, H::HCD, H::AMVOFFEN>();
    EXPECT_EQ(hcr.raw & never, 0u);

    EXPECT_OK(m.ids.write(arch::encoding_of(SysReg::CTR_EL0), 0x8444'c004));
    EXPECT_OK(m.ids.write(arch::encoding_of(SysReg::ID_AA64ISAR0_EL1), 0));
    TrapPolicy policy{false, false, true};
    hcr = config(m, policy).hcr;
    EXPECT_EQ(hcr.get<H::TID2>(), 1u);
    EXPECT_EQ(hcr.get<H::TID4>(), 0u);
    EXPECT_EQ(hcr.get<H::TTLBOS>(), 1u);
    EXPECT_EQ(hcr.get<H::TVM>(), 1u);
    EXPECT_EQ(hcr.get<H::TWI>() | hcr.get<H::TWE>(), 0u);
    Machine without;
    EXPECT_EQ(config(without).hcr.get<H::API>() | config(without).hcr.get<H::APK>(), 0u);
}

// The guest's CTR_EL0 is that of all CPUs together, but hardware would answer with its own.
TEST(TrapConfig, CtrTrapsWhereCpusDiffer) {
    using H = arch::HCR_EL2;
    Machine m(max_profile());
    TrapHost host = TrapHost::probe();
    host.mixed_ctr = true;
    const auto hcr = compute_traps(*m, host, {}).hcr;
    EXPECT_EQ(hcr.get<H::TID2>(), 1u);
    EXPECT_EQ(hcr.get<H::TID4>(), 0u);
}

TEST(TrapConfig, OtherControls) {
    Machine m;
    auto t = config(m);
    EXPECT_EQ(t.hcrx.raw, bit(6) | bit(10) | bit(11));  // TALLINT MCE2 MSCEn
    EXPECT_EQ(t.cptr.raw, bit(30) | bit(28));  // TAM, TTA; FP, SVE and SME trap
    EXPECT_EQ(t.hstr.raw, bit(15));
    EXPECT_EQ(t.mdcr.raw, bit(19) | bit(14) | bit(11) | bit(10) | bit(9) | bit(6) | bit(5));
    m->debug.control = abi::KVM_GUESTDBG_ENABLE;
    EXPECT_EQ(config(m).mdcr.raw, t.mdcr.raw | bit(8));
}

// Bits whose name begins with n in the manual: 0 traps.
TEST(TrapConfig, NegativeBitsTrap) {
    Machine m;
    auto t = config(m);
    EXPECT_EQ(t.hfgrtr.raw & (bits(63, 52) | bit(50)), 0u);
    EXPECT_EQ(t.hfgwtr.raw & (bits(63, 52) | bit(50)), 0u);
    EXPECT_EQ(t.hfgitr.raw & (bits(59, 55)), 0u);
    EXPECT_EQ(t.hdfgrtr.raw & bits(62, 59), 0u);
    EXPECT_EQ(t.hdfgwtr.raw & bits(62, 60), 0u);
}

TEST(TrapConfig, HiddenFeaturesAreTrapped) {
    Machine m;
    auto t = config(m);
    EXPECT_EQ(t.hfgrtr.raw, bit(31) | bit(30));
    EXPECT_EQ(t.hfgwtr.raw, bit(31) | bit(30));
    EXPECT_EQ(t.hfgitr.raw, bit(9)) << "the profile shows all but DC CVADP";
    u64 spe = bit(63) | bits(32, 23), trbe = bits(56, 50), pmu = bits(58, 57) | bit(22) | bits(19, 12);
    u64 trace = bit(48) | bits(47, 43) | bits(41, 40) | bits(37, 33);
    EXPECT_EQ(t.hdfgrtr.raw, spe | trbe | trace | pmu);
    EXPECT_EQ(t.hafgrtr.raw, bits(49, 17) | bits(4, 0));

    auto hide = [&](SysReg reg, unsigned low) {
        arch::Encoding e = arch::encoding_of(reg);
        EXPECT_OK(m.ids.write(e, m.ids.read(e) & ~(u64{0xf} << low)));
    };
    hide(SysReg::ID_AA64ISAR0_EL1, 56);  // TLB
    hide(SysReg::ID_AA64MMFR1_EL1, 20);  // PAN
    hide(SysReg::ID_AA64ISAR2_EL1, 60);  // ATS1A
    u64 hfgitr = config(m).hfgitr.raw;
    EXPECT_EQ(hfgitr, bit(9) | bit(62) | bits(41, 34) | bits(27, 18) | bits(17, 16));
    EXPECT_OK(m.ids.write(arch::encoding_of(SysReg::ID_AA64ISAR1_EL1), 0));
    EXPECT_EQ(config(m).hfgitr.raw, hfgitr | bit(60) | bits(50, 48) | bits(9, 8));
}

}  // namespace
}  // namespace nest::test
