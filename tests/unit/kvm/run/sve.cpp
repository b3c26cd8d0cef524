// SPDX-License-Identifier: GPL-2.0-only
// A vCPU with SVE: its lengths, what a VMM sees of its registers, and who has them in hardware when.
#include <cstring>
#include <kvm/sysreg/vector_lengths.hpp>
#include <set>
#include <tests/unit/kvm/run/fixture.hpp>

namespace nest::kvm {
namespace {

using namespace abi;
using arch::Ec;
using arch::SysReg;
using vhe::ExitKind;
using vhe::GuestContext;

constexpr u64 kSve = KVM_REG_ARM64 | KVM_REG_ARM64_SVE;
constexpr u64 kVls = kSve | KVM_REG_SIZE_U512 | KVM_REG_ARM64_SVE_VLS;
constexpr u64 kHostZcr = 9, kZen = arch::CPTR_EL2::ZEN::kMask, kFpen = arch::CPTR_EL2::FPEN::kMask;
constexpr u64 z_id(u64 n) { return kSve | KVM_REG_SIZE_U2048 | n << 5; }
constexpr u64 p_id(u64 n) { return kSve | KVM_REG_SIZE_U256 | (KVM_REG_ARM64_SVE_PREG_BASE + (n << 5)); }
constexpr u64 kV0 = KVM_REG_ARM64 | KVM_REG_ARM_CORE | KVM_REG_SIZE_U128 | NEST_CORE_OFFSET(vregs);

struct SveTest : VmTest {
    static constexpr u64 kFeatures = kPsci | 1 << KVM_ARM_VCPU_SVE;
    using Bytes = std::array<u8, 256>;

    void adjust_machine() override {
        cpu().registers[SysReg::ID_AA64PFR0_EL1] |= u64{1} << 32;
        test::port().feature_registers[arch::encoding_of(SysReg::ID_AA64PFR0_EL1).raw] |= u64{1} << 32;
        test::port().feature_registers[arch::encoding_of(SysReg::ID_AA64ZFR0_EL1).raw] = 0x1000'0000'0000'0021;
        cpu().registers[SysReg::CPTR_EL2] = 1 << 16;
        cpu().registers[SysReg::ZCR_EL2] = kHostZcr;
    }
    long finalise(s32 feature = KVM_ARM_VCPU_SVE) { return ioctl(KVM_ARM_VCPU_FINALIZE, &feature); }
    void make_final() {
        make_vcpu(kFeatures);
        ASSERT_EQ(finalise(), 0);
    }
    long one_reg(unsigned cmd, u64 id, Bytes& value) {
        OneReg request{id, reinterpret_cast<u64>(value.data())};
        return ioctl(cmd, &request);
    }
    long get(u64 id) { return one_reg(KVM_GET_ONE_REG, id, value); }
    long set(u64 id, u8 first = 0, u8 last = 0, unsigned size = 256) {
        value = {};
        value[0] = first;
        value[size - 1] = last;
        return one_reg(KVM_SET_ONE_REG, id, value);
    }
    long set_lengths(u64 lengths) {
        value = {};
        std::memcpy(value.data(), &lengths, sizeof(lengths));
        return one_reg(KVM_SET_ONE_REG, kVls, value);
    }
    u64 word() const {
        u64 low;
        std::memcpy(&low, value.data(), sizeof(low));
        return low;
    }
    static auto traps(Ec ec) {
        return [ec](GuestContext&) {
            test::set_syndrome(ec, ec == Ec::kFpAccess ? 0x1e0'0000 : 0);
            return ExitKind::kSync;
        };
    }
    static test::FakeSve& hardware() { return test::guest().sve; }
    static u64 cptr() { return cpu().registers[SysReg::CPTR_EL2]; }
    Bytes value{};
};

TEST(VectorLengths, AreThoseOfAllCpusBelowAnyThatDiffers) {
    VectorLengths none, same, fewer, between;
    EXPECT_EQ(none.tell(), 0u);
    same.add(0x8b);
    same.add(0x8b);
    EXPECT_EQ(same.tell(), 0x8bu);
    fewer.add(0x8b);
    fewer.add(0x0b);
    EXPECT_EQ(fewer.tell(), 0x0bu);
    between.add(0x8b);
    between.add(0x8f);
    EXPECT_EQ(between.tell(), 0x03u) << "512 bits would be 384 on the second";
    VectorLengths absent;
    absent.add(0x8b);
    absent.add(0);
    EXPECT_EQ(absent.tell(), 0u);
}

TEST(VectorLengths, WhatVmmsWereToldIsKept) {
    VectorLengths l;
    l.add(0x0b);
    EXPECT_EQ(l.tell(), 0x0bu);
    EXPECT_TRUE(l.add(0x8b)) << "longer ones are not used";
    EXPECT_FALSE(l.add(0x0f)) << "384 bits in between";
    EXPECT_FALSE(l.add(0x03));
    EXPECT_FALSE(l.add(0));
    EXPECT_EQ(l.tell(), 0x0bu);
}

// A process may have left the CPU in streaming mode, in which SVE's instructions are SME's: lending ends it.
struct StreamingTest : SveTest {
    void adjust_machine() override {
        SveTest::adjust_machine();
        test::port().feature_registers[arch::encoding_of(SysReg::ID_AA64PFR1_EL1).raw] = 1 << 24;
        cpu().registers[SysReg::CPTR_EL2] |= 1 << 24;
    }
};

TEST_F(StreamingTest, FpIsBorrowedBeforeTheFirstEntry) {
    make_final();
    guest_does({[&](GuestContext&) {
        EXPECT_EQ(test::port().fpsimd_begins, 1u);
        return ExitKind::kIrq;
    }});
    EXPECT_EQ(ioctl(KVM_RUN), -4);
}

TEST_F(SveTest, TheHostsLengthIsLeftAlone) {
    EXPECT_EQ(cpu().registers[SysReg::ZCR_EL2], kHostZcr);
    EXPECT_EQ(nest_dev_ioctl(KVM_CHECK_EXTENSION, KVM_CAP_ARM_SVE), 1);
}

TEST_F(VmTest, AKernelThatDoesNotUseSveHasNone) {
    EXPECT_EQ(nest_dev_ioctl(KVM_CHECK_EXTENSION, KVM_CAP_ARM_SVE), 0);
    cpu().registers[SysReg::ID_AA64PFR0_EL1] |= u64{1} << 32;
    test::port().feature_registers[arch::encoding_of(SysReg::ID_AA64PFR0_EL1).raw] |= u64{1} << 32;
    EXPECT_EQ(vector_lengths_of(cpu()), 0u) << "CPTR_EL2.ZEN is closed";
}

TEST_F(SveTest, WaitsForKvmArmVcpuFinalize) {
    make_vcpu(kFeatures);
    EXPECT_EQ(ioctl(KVM_RUN), -1);
    EXPECT_EQ(get(z_id(0)), -1);
    EXPECT_EQ(set(p_id(0)), -1);
    RegList list{0};
    EXPECT_EQ(ioctl(KVM_GET_REG_LIST, &list), -1);
    EXPECT_EQ(get(kVls), 0);
    EXPECT_EQ(word(), 0xbu);
    EXPECT_EQ(finalise(KVM_ARM_VCPU_PMU_V3), -22);
    EXPECT_EQ(finalise(), 0);
    EXPECT_EQ(finalise(), -1);
    EXPECT_EQ(set_lengths(0xb), -1);
    EXPECT_EQ(get(z_id(0)), 0);
    guest_does({});
    EXPECT_EQ(ioctl(KVM_RUN), -4);
}

TEST_F(SveTest, LengthsAreTheMachinesUpToTheLongest) {
    make_vcpu(kFeatures);
    for (const u64 wrong : {u64{0}, u64{2}, u64{7}, u64{9}, u64{0x8b}, u64{1} << 40 | 0xb})
        EXPECT_EQ(set_lengths(wrong), -22) << wrong;
    EXPECT_EQ(set_lengths(3), 0);
    EXPECT_EQ(get(kVls), 0);
    EXPECT_EQ(word(), 3u);
    EXPECT_EQ(set_lengths(0xb), 0) << "not final yet";
    EXPECT_EQ(set_lengths(3), 0);
    EXPECT_EQ(finalise(), 0);
    EXPECT_EQ(get(kVls), 0);
    EXPECT_EQ(word(), 3u);
}

TEST_F(SveTest, RegistersByOneReg) {
    make_final();
    for (u64 n = 0; n < 32; n++) {
        value = {};
        value[0] = static_cast<u8>(n + 1);
        value[63] = static_cast<u8>(n + 2);
        value[64] = 0xff;  // beyond 512 bits
        ASSERT_EQ(one_reg(KVM_SET_ONE_REG, z_id(n), value), 0);
    }
    for (u64 n = 0; n < 17; n++) {
        value = {};
        value[7] = static_cast<u8>(n + 3);
        value[8] = 0xff;
        ASSERT_EQ(one_reg(KVM_SET_ONE_REG, p_id(n), value), 0);
    }
    for (u64 n = 0; n < 32; n++) {
        ASSERT_EQ(get(z_id(n)), 0);
        EXPECT_EQ(value[0], n + 1);
        EXPECT_EQ(value[63], n + 2);
        EXPECT_EQ(value[64], 0);
        EXPECT_EQ(core().fp.v[n][0], n + 1);
    }
    for (u64 n = 0; n < 17; n++) {
        ASSERT_EQ(get(p_id(n)), 0);
        EXPECT_EQ(value[7], n + 3);
        EXPECT_EQ(value[8], 0);
    }
    EXPECT_EQ(get(z_id(0) | 1), -2) << "a slice beyond 2048 bits";
    EXPECT_EQ(get(p_id(17)), -22);
    EXPECT_EQ(get((z_id(0) & ~KVM_REG_SIZE_MASK) | KVM_REG_SIZE_U64), -22);
    EXPECT_EQ(get(kV0), -22) << "part of Z0";
    EXPECT_EQ(set(kV0), -22);
    VcpuInit init{KVM_ARM_TARGET_GENERIC_V8, {static_cast<u32>(kFeatures)}};
    EXPECT_EQ(ioctl(KVM_ARM_VCPU_INIT, &init), 0);
    EXPECT_EQ(get(z_id(5)), 0) << "still final";
    EXPECT_EQ(value[0] | value[63], 0);
}

TEST_F(SveTest, ListNamesWhatThereIs) {
    make_final();
    std::vector<u64> ids(1000);
    ids[0] = ids.size() - 1;
    ASSERT_EQ(ioctl(KVM_GET_REG_LIST, ids.data()), 0);
    const std::set<u64> known(ids.begin() + 1, ids.begin() + 1 + static_cast<long>(ids[0]));
    EXPECT_EQ(known.size(), ids[0]);
    EXPECT_TRUE(known.contains(kVls) && known.contains(z_id(31)) && known.contains(p_id(15)) && known.contains(p_id(16)));
    EXPECT_TRUE(known.contains(sysreg_id(SysReg::ZCR_EL1)));
    EXPECT_FALSE(known.contains(kV0));
    for (u64 id : known)
        EXPECT_EQ(get(id), 0) << std::hex << id;
}

TEST_F(SveTest, IdRegistersShowItByFeature) {
    make_vcpu();
    EXPECT_EQ(core().ids.get<arch::ID_AA64PFR0_EL1>().get<arch::ID_AA64PFR0_EL1::SVE>(), 0u);
    EXPECT_EQ(core().ids.read(arch::encoding_of(SysReg::ID_AA64ZFR0_EL1)), 0u);
    EXPECT_EQ(get(z_id(0)), -2);
    EXPECT_EQ(get(kVls), -2);
    EXPECT_EQ(finalise(), -22);
    guest_does({traps(Ec::kSve)});
    EXPECT_EQ(ioctl(KVM_RUN), -4);
    EXPECT_EQ(core().regs.get(SysReg::ESR_EL1) >> 26, 0u) << "UNDEFINED";
    EXPECT_EQ(hardware().loads, 0u);
}

TEST_F(SveTest, IdRegistersWithTheFeature) {
    make_vcpu(kFeatures);
    EXPECT_EQ(core().ids.get<arch::ID_AA64PFR0_EL1>().get<arch::ID_AA64PFR0_EL1::SVE>(), 1u);
    EXPECT_EQ(core().ids.read(arch::encoding_of(SysReg::ID_AA64ZFR0_EL1)), 0x21u) << "and no reserved field";
}

// The kernel keeps of a Z register what is V's, and nothing of P: a softirq in the host may have destroyed the rest.
TEST_F(SveTest, RegistersAreInHardwareOnlyWithInterruptsOff) {
    make_final();
    core().regs.set(SysReg::ZCR_EL1, 1);
    test::port().on_guest_exit_time = [] {
        for (unsigned n = 0; n < 32; n++)
            std::memset(hardware().z[n] + 16, 0xee, 240);
        std::memset(hardware().p, 0xee, sizeof(hardware().p));
    };
    guest_does({traps(Ec::kSve),
                [&](GuestContext&) {
                    EXPECT_EQ(cptr() & (kZen | kFpen), kZen | kFpen);
                    EXPECT_EQ(cpu().registers[SysReg::ZCR_EL12], 1u);
                    EXPECT_EQ(cpu().registers[SysReg::ZCR_EL2], 3u);
                    hardware().z[7][0] = 0x70;
                    hardware().z[7][63] = 0x71;
                    hardware().p[2][7] = 0x72;
                    hardware().p[16][0] = 0x73;
                    cpu().registers[SysReg::ZCR_EL12] = 3;
                    return ExitKind::kIrq;
                },
                [&](GuestContext&) {
                    EXPECT_EQ(hardware().z[7][0], 0x70);
                    EXPECT_EQ(hardware().z[7][63], 0x71);
                    EXPECT_EQ(hardware().p[2][7], 0x72);
                    EXPECT_EQ(hardware().p[16][0], 0x73);
                    EXPECT_EQ(hardware().z[8][63], 0);
                    EXPECT_EQ(cpu().registers[SysReg::ZCR_EL12], 3u);
                    return ExitKind::kIrq;
                }});
    EXPECT_EQ(ioctl(KVM_RUN), -4);
    EXPECT_EQ(cpu().registers[SysReg::ZCR_EL2], kHostZcr);
    EXPECT_EQ(core().regs.get(SysReg::ZCR_EL1), 3u);
    ASSERT_EQ(get(z_id(7)), 0);
    EXPECT_EQ(value[0], 0x70);
    EXPECT_EQ(value[63], 0x71);
    ASSERT_EQ(get(p_id(16)), 0);
    EXPECT_EQ(value[0], 0x73);
}

TEST_F(SveTest, AVmmsValuesReachTheGuest) {
    make_final();
    ASSERT_EQ(set(z_id(4), 0x40, 0, 256), 0);
    value = {};
    value[0] = 0x41;
    value[40] = 0x42;
    ASSERT_EQ(one_reg(KVM_SET_ONE_REG, z_id(4), value), 0);
    guest_does({traps(Ec::kFpAccess), [&](GuestContext&) {
                    EXPECT_EQ(cptr() & (kZen | kFpen), kZen | kFpen) << "a use of V4 zeroes the rest of Z4";
                    EXPECT_EQ(hardware().z[4][0], 0x41);
                    EXPECT_EQ(hardware().z[4][40], 0x42);
                    return ExitKind::kIrq;
                }});
    EXPECT_EQ(ioctl(KVM_RUN), -4);
}

TEST_F(SveTest, FpAloneCostsNothingOfSve) {
    make_final();
    guest_does({traps(Ec::kFpAccess), [&](GuestContext&) {
                    EXPECT_EQ(cptr() & (kZen | kFpen), kFpen);
                    hardware().z[1][3] = 0x13;
                    return ExitKind::kIrq;
                },
                [&](GuestContext&) { return ExitKind::kIrq; }});
    EXPECT_EQ(ioctl(KVM_RUN), -4);
    EXPECT_EQ(hardware().loads + hardware().saves, 0u);
    ASSERT_EQ(get(z_id(1)), 0);
    EXPECT_EQ(value[3], 0x13);
}

// FP/SIMD first: what is in V then is the low part of Z.
TEST_F(SveTest, TakesOverWhatFpHasLoaded) {
    make_final();
    guest_does({traps(Ec::kFpAccess), [&](GuestContext&) {
                    hardware().z[1][3] = 0x13;
                    test::set_syndrome(Ec::kSve, 0);
                    return ExitKind::kSync;
                },
                [&](GuestContext&) {
                    EXPECT_EQ(hardware().z[1][3], 0x13);
                    EXPECT_EQ(hardware().z[1][20], 0);
                    hardware().z[1][20] = 0x14;
                    return ExitKind::kIrq;
                }});
    EXPECT_EQ(ioctl(KVM_RUN), -4);
    test::port().signal_pending = test::port().entry_blocked = false;
    guest_does({traps(Ec::kFpAccess), [&](GuestContext&) {
                    EXPECT_EQ(hardware().z[1][3], 0x13);
                    EXPECT_EQ(hardware().z[1][20], 0x14);
                    return ExitKind::kIrq;
                }});
    EXPECT_EQ(ioctl(KVM_RUN), -4);
}

TEST_F(SveTest, SoOnKernelsThatLendFpWhilePreemptionIsOff) {
    test::port().fpsimd_survives_preemption = false;
    make_final();
    guest_does({traps(Ec::kSve), [&](GuestContext&) {
                    hardware().z[9][1] = 0x91;
                    hardware().z[9][60] = 0x92;
                    return ExitKind::kIrq;
                },
                [&](GuestContext&) {
                    EXPECT_EQ(hardware().z[9][1], 0x91);
                    EXPECT_EQ(hardware().z[9][60], 0x92);
                    return ExitKind::kIrq;
                }});
    EXPECT_EQ(ioctl(KVM_RUN), -4);
}

}  // namespace
}  // namespace nest::kvm
