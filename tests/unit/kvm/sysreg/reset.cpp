// SPDX-License-Identifier: GPL-2.0-only
#include <kvm/cpu/guest_debug.hpp>
#include <tests/unit/kvm/cpu/fixture.hpp>

namespace nest::test {
namespace {

constexpr u64 bit(u32 n) { return u64{1} << n; }

abi::VcpuInit request(u64 features) {
    abi::VcpuInit init = preferred_target();
    init.features[0] = static_cast<u32>(features);
    return init;
}

struct Init : testing::Test {
    Init() {
        port().reset();
        for (auto [reg, value] : max_profile())
            port().feature_registers[arch::encoding_of(reg).raw] = value;
        ids.init();
        EXPECT_TRUE(state.regs.init());
    }
    Status init(const abi::VcpuInit& i) {
        Result<bool> r = init_vcpu(state, i, supported_vcpu_features(false));
        return r.ok() ? kOk : Status(r.error());
    }
    IdRegisters ids;
    CpuState state{ids, 0};
};

TEST_F(Init, Refused) {
    using namespace abi;
    VcpuInit other = preferred_target();
    other.target = 2;
    EXPECT_ERRNO(init(other), kInval);
    for (u32 feature : {KVM_ARM_VCPU_EL1_32BIT, KVM_ARM_VCPU_PMU_V3, KVM_ARM_VCPU_SVE, KVM_ARM_VCPU_HAS_EL2,
                        KVM_ARM_VCPU_HAS_EL2_E2H0, KVM_ARM_VCPU_PTRAUTH_ADDRESS, KVM_ARM_VCPU_PTRAUTH_GENERIC})
        EXPECT_ERRNO(init(request(bit(feature))), kInval) << feature;
    for (u32 feature = 9; feature < 32; feature++)
        EXPECT_ERRNO(init(request(bit(feature))), kNoEnt);
    for (unsigned word = 1; word < 7; word++) {
        VcpuInit i = preferred_target();
        i.features[word] = 1;
        EXPECT_ERRNO(init(i), kNoEnt);
    }
    EXPECT_FALSE(state.initialized);
    EXPECT_OK(init(request(kPointerAuthFeatures)));  // nothing of the above stuck
}

TEST_F(Init, PointerAuthenticationNeedsBothKinds) {
    using arch::encoding_of;
    port().feature_registers[encoding_of(SysReg::ID_AA64ISAR1_EL1).raw] = 0x10;  // APA alone
    port().feature_registers[encoding_of(SysReg::ID_AA64ISAR2_EL1).raw] = 0;
    EXPECT_EQ(supported_vcpu_features(false), bit(0) | bit(2));
    port().feature_registers[encoding_of(SysReg::ID_AA64ISAR2_EL1).raw] = 0x100;  // and GPA3
    EXPECT_EQ(supported_vcpu_features(true), bit(0) | bit(2) | kPointerAuthFeatures | bit(7));
    EXPECT_EQ(supported_vcpu_features(true, true), bit(0) | bit(2) | kPointerAuthFeatures | bit(7) | bit(8));
    EXPECT_EQ(supported_vcpu_features(false, true), bit(0) | bit(2) | kPointerAuthFeatures);
}

TEST_F(Init, PowerOffIsOfOneCall) {
    using namespace abi;
    Result<bool> off = init_vcpu(state, request(bit(KVM_ARM_VCPU_POWER_OFF) | bit(KVM_ARM_VCPU_PSCI_0_2)), ~u64{0});
    ASSERT_TRUE(off.ok());
    EXPECT_TRUE(off.value());
    EXPECT_EQ(state.features, bit(KVM_ARM_VCPU_PSCI_0_2));
    Result<bool> on = init_vcpu(state, request(bit(KVM_ARM_VCPU_PSCI_0_2)), ~u64{0});
    ASSERT_TRUE(on.ok());
    EXPECT_FALSE(on.value());
    EXPECT_ERRNO(init(request(0)), kInval);  // other features than at first

    CpuState second(ids, 1);
    ASSERT_TRUE(second.regs.init());
    EXPECT_ERRNO(init_vcpu(second, request(kPointerAuthFeatures), ~u64{0}), kInval);
    EXPECT_OK(init_vcpu(second, request(bit(KVM_ARM_VCPU_PSCI_0_2)), ~u64{0}));
}

TEST(Reset, Values) {
    Machine m(max_profile(), kPointerAuthFeatures);
    for (unsigned i = 0; i < arch::kSysRegCount; i++) {
        arch::Home home = arch::kSysRegs[i].home;
        if (home == arch::Home::El1 || home == arch::Home::Shared || home == arch::Home::Debug)
            m->regs.set(static_cast<SysReg>(i), 0x5555);
    }
    for (u64& x : m->context.x)
        x = 0x77;
    m->context.keys.ia[0] = m->context.keys.other[7] = 1;
    m->context.pc = m->context.sp_el0 = 0x88;
    m->context.pstate = 0;
    m->fp.v[3][5] = 1;
    m->fp.fpcr = 1;
    m->serror = {.pending = true, .syndrome = 3};
    m->debug.guest.bcr[4] = 5;
    m->debug.os_lock = true;
    m->debug.control = 1;
    reset_vcpu(*m);

    EXPECT_EQ(m->context.pstate, 0x3c5u);
    EXPECT_EQ(m->context.pc, 0u);
    EXPECT_EQ(m->context.sp_el0, 0u);
    for (u64 x : m->context.x)
        EXPECT_EQ(x, 0u);
    EXPECT_EQ(m->read(SysReg::APIAKeyLo_EL1), 0u);
    EXPECT_EQ(m->read(SysReg::APGAKeyHi_EL1), 0u);
    EXPECT_EQ(m->fp.v[3][5] | m->fp.fpcr, 0u);
    EXPECT_FALSE(m->serror.pending);
    EXPECT_EQ(m->debug.guest.bcr[4], 0u);
    EXPECT_FALSE(m->debug.os_lock);
    EXPECT_EQ(m->debug.control, 1u) << "the VMM's debugging outlives a reset";
    const std::pair<SysReg, u64> values[] = {
        {SysReg::SCTLR_EL1, 0x00c5'0078}, {SysReg::CPACR_EL1, 0},   {SysReg::TCR_EL1, 0},     {SysReg::VBAR_EL1, 0},
        {SysReg::CNTKCTL_EL1, 0},         {SysReg::MDSCR_EL1, 0},   {SysReg::SPSR_EL1, 0},    {SysReg::ELR_EL1, 0},
        {SysReg::SP_EL1, 0},              {SysReg::TPIDR_EL0, 0},   {SysReg::DISR_EL1, 0},    {SysReg::SPSR_fiq, 0},
        {SysReg::FPEXC32_EL2, 0x700},     {SysReg::MDCCINT_EL1, 0}, {SysReg::CSSELR_EL1, 0},  {SysReg::PAR_EL1, 0},
    };
    for (auto [reg, value] : values)
        EXPECT_EQ(m->read(reg), value) << arch::name_of(reg);
}

TEST(Reset, IdentificationSurvives) {
    Machine m(max_profile(), 0, 5);
    m->regs.set(SysReg::MPIDR_EL1, 0x8000'0107);
    m->regs.set(SysReg::CLIDR_EL1, 0x123);
    reset_vcpu(*m);
    EXPECT_EQ(m->regs.get(SysReg::MPIDR_EL1), 0x8000'0107u);
    EXPECT_EQ(m->regs.get(SysReg::CLIDR_EL1), 0x123u);
    publish_id_registers(*m);
    EXPECT_EQ(m->regs.get(SysReg::MIDR_EL1), 0x000f'0510u);
}

TEST(Reset, Affinity) {
    EXPECT_EQ(mpidr_of(0), 0x8000'0000u);
    EXPECT_EQ(mpidr_of(15), 0x8000'000fu);
    EXPECT_EQ(mpidr_of(16), 0x8000'0100u);
    EXPECT_EQ(mpidr_of(0xfff), 0x8000'ff0fu);
    EXPECT_EQ(mpidr_of(0x12345), 0x8012'3405u);
    for (unsigned i = 1; i < 4096; i++)
        EXPECT_NE(mpidr_of(i), mpidr_of(i - 1));
}

TEST(Reset, CacheLevels) {
    struct {
        u64 ctr, clidr;
    } const cases[] = {
        {0x8444'c004, 0x0920'0003},  // neither: separate L1 caches, all three points at level 1
        {0xa444'c004, 0x0920'0002},  // DIC: no instruction cache to invalidate
        {0x9444'c004, 0x0200'0021},  // IDC: an instruction cache, and below it a unified one to the point of coherency
        {0xb444'c004, 0x0100'0004},  // both: unified
    };
    for (const auto& c : cases) {
        Profile p = max_profile();
        p[SysReg::CTR_EL0] = c.ctr;
        Machine m(p);
        EXPECT_EQ(m->regs.get(SysReg::CLIDR_EL1), c.clidr) << std::hex << c.ctr;
    }
}

TEST(Reset, CpuOn) {
    Machine m;
    reset_vcpu(*m, {0x4008'0000, 0xabc, false});
    EXPECT_EQ(m->context.pc, 0x4008'0000u);
    EXPECT_EQ(m->context.x[0], 0xabcu);
    EXPECT_EQ(m->read(SysReg::SCTLR_EL1), 0x00c5'0078u);
    reset_vcpu(*m, {0x4008'0000, 0, true});
    EXPECT_EQ(m->read(SysReg::SCTLR_EL1), 0x02c5'0078u);
}

TEST(Reset, CpuOnWhileTheVmmSteps) {
    Machine m;
    abi::GuestDebug g{};
    g.control = abi::KVM_GUESTDBG_ENABLE | abi::KVM_GUESTDBG_SINGLESTEP;
    EXPECT_OK(set_guest_debug(*m, g));
    enter_guest_debug(*m);
    reset_vcpu(*m, {0x1000, 0, false});
    EXPECT_EQ(m->context.pstate, 0x3c5u | 1 << 21);
    leave_guest_debug(*m);
    EXPECT_EQ(m->context.pstate, 0x3c5u);
}

}  // namespace
}  // namespace nest::test
