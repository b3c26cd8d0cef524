// SPDX-License-Identifier: GPL-2.0-only
#include <tests/unit/kvm/firmware/fixture.hpp>

namespace nest::kvm {
namespace {

constexpr u64 neg(int n) { return static_cast<u64>(static_cast<s64>(n)); }

TEST_F(SmcccTest, VersionsAreWhatTheVmmChose) {
    for (u32 version : {kPsci_0_2, kPsci_1_0, kPsci_1_1, kPsci_1_2, kPsci_1_3}) {
        config.psci_version.store_relaxed(version);
        EXPECT_EQ(call(0x84000000)[0], version);
    }
    who.psci_0_2 = false;
    EXPECT_EQ(call(0x84000000)[0], kNs);
}

TEST_F(SmcccTest, FeaturesPerVersion) {
    struct Row {
        u32 function;
        u64 v0_2, v1_0, v1_1, v1_3;  // PSCI_FEATURES' answers; 0.2 has no such call
    } const rows[] = {
        {0x84000000, kNs, 0, 0, 0}, {0x84000001, kNs, 0, 0, 0}, {0xc4000001, kNs, 0, 0, 0},
        {0x84000002, kNs, 0, 0, 0}, {0x84000003, kNs, 0, 0, 0}, {0xc4000003, kNs, 0, 0, 0},
        {0x84000004, kNs, 0, 0, 0}, {0xc4000004, kNs, 0, 0, 0}, {0x84000006, kNs, 0, 0, 0},
        {0x84000008, kNs, 0, 0, 0}, {0x84000009, kNs, 0, 0, 0}, {0x8400000a, kNs, 0, 0, 0},
        {0x80000000, kNs, 0, 0, 0}, {0x80000001, kNs, kNs, kNs, kNs}, {0x84000005, kNs, kNs, kNs, kNs},
        {0x84000012, kNs, kNs, 0, 0}, {0xc4000012, kNs, kNs, 0, 0}, {0x84000015, kNs, kNs, kNs, 1},
        {0xc4000015, kNs, kNs, kNs, 1}, {0x8400000e, kNs, kNs, kNs, kNs}, {0x84000053, kNs, kNs, kNs, kNs},
        {0x95c1ba60, kNs, kNs, kNs, kNs},
    };
    const auto check = [&](u32 version, u64 Row::*want) {
        config.psci_version.store_relaxed(version);
        for (const Row& r : rows)
            EXPECT_EQ(call(0x8400000a, r.function)[0], r.*want) << std::hex << version << " " << r.function;
    };
    check(kPsci_0_2, &Row::v0_2);
    check(kPsci_1_0, &Row::v1_0);
    check(kPsci_1_1, &Row::v1_1);
    check(kPsci_1_2, &Row::v1_1);
    check(kPsci_1_3, &Row::v1_3);
    config.system_suspend.store_relaxed(1);
    EXPECT_EQ(call(0x8400000a, 0x8400000e)[0], 0u);
    EXPECT_EQ(call(0x8400000a, 0xc400000e)[0], 0u);
}

TEST_F(SmcccTest, CpuOn) {
    be = true;
    EXPECT_EQ(call(0xc4000003, 0x1'0000'0203, 0xfeed'f00d'0000'0001, 0xdead'c0de'0000'0002), (Regs{0, 0, 0, 0}));
    EXPECT_EQ(on_mpidr, 0x1'0000'0203u);
    EXPECT_EQ(on.pc, 0xfeed'f00d'0000'0001u);
    EXPECT_EQ(on.context_id, 0xdead'c0de'0000'0002u);
    EXPECT_TRUE(on.big_endian);
    EXPECT_EQ(event(), "on");
    EXPECT_EQ(call(0x84000003, 0x1'0000'0203, 0xfeed'f00d'0000'0001, 0xdead'c0de'0000'0002)[0], 0u);
    EXPECT_EQ(on_mpidr, 0x203u);  // the 32-bit call sees W registers
    EXPECT_EQ(on.pc, 1u);
    EXPECT_EQ(on.context_id, 2u);
    on_result = PowerOnResult::kAlreadyOn;
    EXPECT_EQ(call(0xc4000003, 1), (Regs{neg(-4), 0, 0, 0}));
    on_result = PowerOnResult::kNoSuchCpu;
    EXPECT_EQ(call(0xc4000003, 1)[0], neg(-2));
    for (u64 bad : {u64{1} << 24, u64{1} << 31, u64{1} << 40, u64{1} << 63}) {
        EXPECT_EQ(call(0xc4000003, bad)[0], neg(-2));
        EXPECT_TRUE(events.empty());
    }
}

TEST_F(SmcccTest, PsciZeroPointOne) {
    who.psci_0_2 = false;
    EXPECT_EQ(call(0x95c1ba60, 0x1'0000'0001, 0x1'0000'1000, 0x2'0000'0003)[0], 0u);
    EXPECT_EQ(on_mpidr, 0x1'0000'0001u);
    EXPECT_EQ(on.pc, 0x1'0000'1000u);
    on_result = PowerOnResult::kAlreadyOn;
    EXPECT_EQ(call(0x95c1ba60, 1)[0], neg(-2));
    EXPECT_EQ(call(0x95c1ba5f)[0], 0u);
    EXPECT_EQ(event(), "off");
    for (u64 fid : {0x95c1ba5e, 0x95c1ba61, 0x84000002, 0x84000003, 0xc4000003, 0x84000008, 0x8400000a})
        EXPECT_EQ(call(fid), (Regs{kNs, 0, 0, 0})) << std::hex << fid;
    EXPECT_EQ(call(0x80000000)[0], 0x10001u);
}

TEST_F(SmcccTest, OffSuspendAndAffinity) {
    EXPECT_EQ(call(0x84000002)[0], 0u);
    EXPECT_EQ(event(), "off");
    EXPECT_EQ(next, vhe::Next::kResume);
    for (u64 fid : {0x84000001, 0xc4000001}) {
        EXPECT_EQ(call(fid, ~u64{0})[0], 0u);
        EXPECT_EQ(event(), "wfi");
    }
    const u64 masks[] = {0xff'00ff'ffff, 0xff'00ff'ff00, 0xff'00ff'0000, 0xff'0000'0000};
    for (u64 level = 0; level < 4; level++) {
        affinity = AffinityState::kSomeOn;
        EXPECT_EQ(call(0xc4000004, 0x12'0034'5678, level)[0], 0u);
        EXPECT_EQ(affinity_mask, masks[level]);
        EXPECT_EQ(affinity_target, 0x12'0034'5678 & masks[level]);
    }
    affinity = AffinityState::kAllOff;
    EXPECT_EQ(call(0xc4000004, 0, 0)[0], 1u);
    affinity = AffinityState::kNobody;
    EXPECT_EQ(call(0xc4000004, 0, 0)[0], neg(-2));
    affinity = AffinityState::kSomeOn;
    EXPECT_EQ(call(0xc4000004, 0, 4)[0], neg(-2));
    EXPECT_EQ(call(0xc4000004, 0, u64{1} << 60)[0], neg(-2));
    EXPECT_EQ(call(0xc4000004, 1 << 24, 0)[0], neg(-2));
    EXPECT_EQ(call(0x84000004, u64{1} << 60, u64{1} << 60)[0], 0u);
}

TEST_F(SmcccTest, SystemEventsStopEverybodyFirst) {
    using testing::ElementsAre;
    struct Row {
        u64 fid, arg1, arg2;
        const char* event;
    } const rows[] = {
        {0x84000008, 0, 0, "event 1 1 0"},
        {0x84000009, 0, 0, "event 2 1 0"},
        {0xc4000012, 0, 99, "event 2 1 1"},
        {0x84000012, 0x80000000, 0, "event 2 1 1"},
        {0xc4000012, 0xffffffff, 0, "event 2 1 1"},
        {0xc4000015, 0, 0, "event 1 1 1"},
        {0xc4000015, 1, 0, "event 1 1 1"},
        {0x84000015, 1, u64{7} << 32, "event 1 1 1"},
    };
    for (const Row& r : rows) {
        EXPECT_EQ(call(r.fid, r.arg1, r.arg2)[0], neg(-6)) << std::hex << r.fid;
        EXPECT_THAT(events, ElementsAre("stop", r.event));
        EXPECT_EQ(next, vhe::Next::kUser);
    }
    const u64 bad[][3] = {{0xc4000012, 1, 0}, {0xc4000012, 0x7fffffff, 0}, {0xc4000015, 2, 0}, {0xc4000015, 1, 1},
                          {0xc4000015, 0, 1}};
    for (const auto& b : bad) {
        EXPECT_EQ(call(b[0], b[1], b[2])[0], neg(-2));
        EXPECT_TRUE(events.empty());
    }
    config.psci_version.store_relaxed(kPsci_1_0);
    for (u64 fid : {0xc4000012, 0xc4000015})
        EXPECT_EQ(call(fid)[0], kNs);
}

TEST_F(SmcccTest, SystemSuspendLeavesTheArgumentsToTheVmm) {
    EXPECT_EQ(call(0xc400000e, 1, 2, 3), (Regs{kNs, 0, 0, 0}));
    config.system_suspend.store_relaxed(1);
    EXPECT_EQ(call(0xc400000e, ~u64{0}, 2, 3), (Regs{0xc400000e, ~u64{0}, 2, 3}));
    EXPECT_EQ(event(), "event 5 0 0");
    EXPECT_EQ(next, vhe::Next::kUser);
    EXPECT_EQ(call(0x8400000e, ~u64{0}, 2, 3), (Regs{0x8400000e, 0xffffffff, 2, 3}));
    config.psci_version.store_relaxed(kPsci_0_2);
    EXPECT_EQ(call(0xc400000e)[0], kNs);
}

}  // namespace
}  // namespace nest::kvm
