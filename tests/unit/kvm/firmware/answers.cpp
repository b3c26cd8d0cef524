// SPDX-License-Identifier: GPL-2.0-only
// Calls that only return a value.
#include <tests/unit/kvm/firmware/fixture.hpp>

namespace nest::kvm {
namespace {

TEST_F(SmcccTest, RegisterOnlyCalls) {
    struct Row {
        u64 fid, arg;
        Regs result;
    } const rows[] = {
        {0x80000000, 0, {0x10001, 0, 0, 0}},
        {0x80000001, 0x80000002, {kNs, 0, 0, 0}},  // SOC_ID
        {0x80000001, 0xc5000020, {0, 0, 0, 0}},    // PV_TIME_FEATURES exists
        {0x80000001, 0xc4000053, {kNs, 0, 0, 0}},  // TRNG_RND64 is no Arm Architecture Call
        {0x80008000, 7, {0, 7, 0, 0}},             // the workarounds keep their arguments
        {0x80007fff, 7, {0, 7, 0, 0}},
        {0x80003fff, 7, {0, 7, 0, 0}},
        {0x84000000, 0, {0x10003, 0, 0, 0}},
        {0x84000005, 0, {kNs, 0, 0, 0}},           // MIGRATE
        {0x84000006, 0, {2, 0, 0, 0}},
        {0x84000050, 0, {0x10000, 0, 0, 0}},
        {0x84000051, 0xc4000053, {0, 0, 0, 0}},
        {0x84000051, 0x86000001, {kNs, 0, 0, 0}},
        {0x84000052, 0, {0x00e0210d, 0xeb118443, 0x44527080, 0x4c5a4e55}},
        {0x8600ff01, 0, {0xb66fb428, 0xe911c52e, 0x564bcaa9, 0x743a004d}},
        {0x86000000, 0, {3, 0, 0, 0}},
        {0xc5000020, 0xc5000021, {kNs, 0, 0, 0}},  // no page yet
        {0x4b000000, 9, {kNs, 0, 0, 0}},
        {0, 0, {kNs, 0, 0, 0}},
        {0xffffffff, 0, {kNs, 0, 0, 0}},
        {0xdead000084000000, 0, {0x10003, 0, 0, 0}},  // W0 is the identifier
        {0x95c1ba5e, 0, {kNs, 0, 0, 0}},              // PSCI 0.1's are not 0.2's
        {0x95c1ba5f, 0, {kNs, 0, 0, 0}},
    };
    for (const Row& r : rows) {
        EXPECT_EQ(call(r.fid, r.arg), r.result) << std::hex << r.fid << " " << r.arg;
        EXPECT_TRUE(answered) << std::hex << r.fid;
    }
}

TEST_F(SmcccTest, EveryRowIsFoundAndItsNeighboursAreNot) {
#define SMCCC(name, id, gate, since, features, handler)                  \
    ASSERT_NE(find_smccc_function(id), nullptr) << #name;                \
    EXPECT_EQ(find_smccc_function(id)->fid, u32{id});                    \
    EXPECT_NE(find_smccc_function(id)->answer == nullptr, find_smccc_function(id)->act == nullptr);
#include <kvm/firmware/smccc_table.def>
#undef SMCCC
    for (u32 fid : {0x80000002u, 0x84000007u, 0x84000016u, 0xc5000022u, 0xc4000000u, 0xc4000002u, 0xc4000008u})
        EXPECT_EQ(find_smccc_function(fid), nullptr) << std::hex << fid;
}

TEST_F(SmcccTest, MitigationsAreReportedAsTheHostHasThem) {
    using enum Mitigation;
    const u64 w1 = 0x80008000, w2 = 0x80007fff, w3 = 0x80003fff;
    struct Row {
        Mitigations m;
        u64 r1, r2, r3;
    } const rows[] = {
        {{kVulnerable, kVulnerable, kVulnerable, false}, kNs, kNs, kNs},
        {{kMitigated, kMitigated, kMitigated, true}, 0, kNs, 0},
        {{kMitigated, kMitigated, kMitigated, false}, 0, static_cast<u64>(-2), 0},
        {{kUnaffected, kUnaffected, kUnaffected, true}, 1, static_cast<u64>(-2), 1},
    };
    for (const Row& r : rows) {
        config.mitigations = r.m;
        EXPECT_EQ(call(0x80000001, w1)[0], r.r1);
        EXPECT_EQ(call(0x80000001, w2)[0], r.r2);
        EXPECT_EQ(call(0x80000001, w3)[0], r.r3);
    }
    EXPECT_EQ(mitigations_of(arch::ID_AA64PFR0_EL1::of(u64{1} << 56), {}, {}).v2, kUnaffected);
    EXPECT_EQ(mitigations_of(arch::ID_AA64PFR0_EL1::of(u64{1} << 56), {}, {}).bhb, kVulnerable);
    EXPECT_EQ(mitigations_of(arch::ID_AA64PFR0_EL1::of(u64{3} << 56), {}, {}).bhb, kUnaffected);
    EXPECT_EQ(mitigations_of({}, {}, arch::ID_AA64MMFR1_EL1::of(u64{1} << 60)).bhb, kUnaffected);
    EXPECT_EQ(mitigations_of({}, {}, {}).v2, kVulnerable);
    EXPECT_TRUE(mitigations_of({}, arch::ID_AA64PFR1_EL1::of(2 << 4), {}).guest_has_ssbs);
}

TEST_F(SmcccTest, ClearedServiceBitsHideTheirCalls) {
    who.stolen_time = true;
    stolen_time = 0x40000000;
    const u64 calls[][2] = {{0x84000050, 0}, {0x84000051, 0xc4000053}, {0x84000052, 0}, {0x84000053, 0},
                            {0xc4000053, 0}, {0x80000001, 0xc5000020}, {0xc5000020, 0xc5000021}, {0xc5000021, 0},
                            {0x86000000, 0x86000001}, {0x8600ff01, 0}, {0x86000001, 0}};
    for (const auto& c : calls)
        EXPECT_NE(call(c[0], c[1])[0], kNs) << std::hex << c[0];
    for (u64 id : {KVM_REG_ARM_STD_BMAP, KVM_REG_ARM_STD_HYP_BMAP, KVM_REG_ARM_VENDOR_HYP_BMAP})
        (id == KVM_REG_ARM_STD_BMAP       ? config.std_bmap
         : id == KVM_REG_ARM_STD_HYP_BMAP ? config.std_hyp_bmap
                                          : config.vendor_hyp_bmap)
            .store_relaxed(0);
    for (const auto& c : calls)
        EXPECT_EQ(call(c[0], c[1]), (Regs{kNs, 0, 0, 0})) << std::hex << c[0];
    EXPECT_EQ(call(0x84000000)[0], 0x10003u);  // PSCI has no bit
}

TEST_F(SmcccTest, ThirtyTwoBitGuestsHaveNoSixtyFourBitCalls) {
    who.aarch32 = true;
    for (u64 fid : {0xc4000003, 0xc4000004, 0xc400000e, 0xc4000053, 0xc5000021})
        EXPECT_EQ(call(fid)[0], kNs) << std::hex << fid;
    EXPECT_TRUE(events.empty());
    EXPECT_EQ(call(0x8400000a, 0xc4000003)[0], kNs);
    EXPECT_EQ(call(0x8400000a, 0x84000003)[0], 0u);
}

TEST_F(SmcccTest, PreciseTime) {
    EXPECT_EQ(call(0x86000001, 0), (Regs{0x11223344, 0x55667788, 0x10, 0}));
    EXPECT_FALSE(answered);
    EXPECT_EQ(call(0x86000001, 1), (Regs{0x11223344, 0x55667788, 0x10, 0x80}));
    EXPECT_EQ(call(0x86000001, 2), (Regs{kNs, 0, 0, 0}));
    has_clock = false;
    EXPECT_EQ(call(0x86000001, 0), (Regs{kNs, 0, 0, 0}));
}

TEST_F(SmcccTest, Entropy) {
    EXPECT_EQ(call(0x84000053, 97), (Regs{static_cast<u64>(-2), 0, 0, 0}));
    EXPECT_EQ(call(0xc4000053, 193), (Regs{static_cast<u64>(-2), 0, 0, 0}));
    EXPECT_EQ(call(0xc4000053, 0), (Regs{0, 0, 0, 0}));
    u64 seen64[3] = {}, seen32[3] = {};
    for (unsigned bits = 0; bits <= 192; bits++) {
        const Regs wide = call(0xc4000053, bits);
        ASSERT_EQ(wide[0], 0u);
        for (unsigned i = 0; i < 3; i++) {
            const unsigned low = (2 - i) * 64;
            const u64 allowed = bits <= low ? 0 : bits - low >= 64 ? ~u64{0} : (u64{1} << (bits - low)) - 1;
            EXPECT_EQ(wide[1 + i] & ~allowed, 0u) << bits;
            seen64[i] |= wide[1 + i];
        }
        if (bits > 96)
            continue;
        const Regs narrow = call(0x84000053, bits | u64{5} << 32);
        ASSERT_EQ(narrow[0], 0u);
        for (unsigned i = 0; i < 3; i++) {
            const unsigned low = (2 - i) * 32;
            const u64 allowed = bits <= low ? 0 : bits - low >= 32 ? 0xffffffff : (u64{1} << (bits - low)) - 1;
            EXPECT_EQ(narrow[1 + i] & ~allowed, 0u) << bits;
            seen32[i] |= narrow[1 + i];
        }
    }
    for (int round = 0; round < 64; round++) {
        const Regs wide = call(0xc4000053, 192), narrow = call(0x84000053, 96);
        for (unsigned i = 0; i < 3; i++) {
            seen64[i] |= wide[1 + i];
            seen32[i] |= narrow[1 + i];
        }
    }
    for (unsigned i = 0; i < 3; i++) {
        EXPECT_EQ(seen64[i], ~u64{0});
        EXPECT_EQ(seen32[i], 0xffffffffu);
    }
    EXPECT_FALSE(answered);
}

}  // namespace
}  // namespace nest::kvm
