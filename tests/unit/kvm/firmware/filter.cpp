// SPDX-License-Identifier: GPL-2.0-only
#include <map>
#include <random>
#include <tests/unit/kvm/firmware/fixture.hpp>

namespace nest::kvm {
namespace {

constexpr u8 kHandle = 0, kDeny = 1, kForward = 2;

TEST_F(SmcccTest, FilterErrorsInTheAbisOrder) {
    SmcccFilterArgument padded{};
    padded.base = 0x84000000;
    padded.nr_functions = 1;
    padded.pad[14] = 1;
    EXPECT_EQ(config.filter.insert(padded, true).error(), Errno::kInval);
    EXPECT_EQ(filter(0x84000000, 0, kDeny, true).error(), Errno::kInval);
    EXPECT_EQ(filter(0, 0, kDeny).error(), Errno::kInval) << "whose last is the last of all";
    EXPECT_EQ(filter(~0u, ~0u, kDeny, true).error(), Errno::kInval);
    EXPECT_EQ(filter(0xfffffff0, 17, kDeny).error(), Errno::kInval);
    EXPECT_EQ(filter(0x84000000, 1, 3).error(), Errno::kInval);
    EXPECT_EQ(filter(0x84000000, 1, 255).error(), Errno::kInval);
    EXPECT_EQ(filter(0x84000000, 1, kDeny, true).error(), Errno::kBusy);
    EXPECT_EQ(filter(0x80008000, 1, kDeny).error(), Errno::kExist);
    EXPECT_EQ(filter(0xc0000000, 1, kDeny).error(), Errno::kExist);
    EXPECT_EQ(filter(0x7fffffff, 2, kHandle).error(), Errno::kExist);
    EXPECT_EQ(filter(0, ~0u, kDeny).error(), Errno::kExist);
    EXPECT_TRUE(filter(0x7fffffff, 1, kDeny).ok());
    EXPECT_TRUE(filter(0x80010000, 1, kDeny).ok());
    EXPECT_TRUE(filter(0xfffffff0, 16, kDeny).ok());
    EXPECT_EQ(filter(0xffffffff, 1, kDeny).error(), Errno::kExist);
}

TEST_F(SmcccTest, FilterDeniesAndForwards) {
    ASSERT_TRUE(filter(0x84000000, 1, kDeny).ok());
    EXPECT_EQ(call(0x84000000), (Regs{kNs, 0, 0, 0}));
    ASSERT_TRUE(filter(0x84000008, 2, kForward).ok());
    EXPECT_EQ(call(0x84000009, 1, 2, 3), (Regs{0x84000009, 1, 2, 3}));
    EXPECT_EQ(event(), "hypercall 2214592521 0");
    EXPECT_EQ(next, vhe::Next::kUser);
    call(0xffff'0000'8400'0008, 0, 0, 0, {.smc = true});
    EXPECT_EQ(event(), "hypercall 2214592520 1");
    call(0x84000008, 0, 0, 0, {.smc = true, .il16 = true});
    EXPECT_EQ(event(), "hypercall 2214592520 3");
    EXPECT_EQ(call(0x84000006)[0], 2u);
    // A forwarded range may hold what the kernel knows nothing of, and hides cleared service bits.
    config.std_bmap.store_relaxed(0);
    ASSERT_TRUE(filter(0x84000050, 4, kForward).ok());
    ASSERT_TRUE(filter(0x4b000000, 1, kForward).ok());
    for (u64 fid : {0x84000052u, 0x4b000000u}) {
        call(fid);
        EXPECT_EQ(next, vhe::Next::kUser);
    }
}

TEST_F(SmcccTest, FilterAgreesWithAModel) {
    std::mt19937 random(5);
    std::map<u32, u8> model;
    unsigned accepted = 0;
    for (int i = 0; i < 3000; i++) {
        const u32 base = 0x90000000 + random() % 4000, count = 1 + random() % 6;
        const u8 action = random() % 3;
        bool free = true;
        for (u32 k = 0; k < count; k++)
            free &= !model.contains(base + k);
        const Status status = filter(base, count, action);
        ASSERT_EQ(status.ok(), free) << base;
        if (!free) {
            EXPECT_EQ(status.error(), Errno::kExist);
            continue;
        }
        accepted++;
        for (u32 k = 0; k < count; k++)
            model[base + k] = action;
    }
    EXPECT_GT(accepted, 300u);
    for (u32 fid = 0x8fffff00; fid < 0x90002000; fid++) {
        const u8 want = model.contains(fid) ? model[fid] : kHandle;
        ASSERT_EQ(static_cast<u8>(config.filter.action(fid)), want) << fid;
    }
}

TEST_F(SmcccTest, FilterSurvivesWithoutMemory) {
    test::port().fail_allocation = 1;
    EXPECT_EQ(filter(0x84000000, 1, kDeny).error(), Errno::kNoMem);
    EXPECT_EQ(call(0x84000000)[0], 0x10003u);
    EXPECT_TRUE(filter(0x84000000, 1, kDeny).ok());
    for (u32 i = 1; i < 16; i++)
        ASSERT_TRUE(filter(0x84000000 + i, 1, kDeny).ok());
    test::port().fail_allocation = 1;
    EXPECT_EQ(filter(0x84000010, 1, kDeny).error(), Errno::kNoMem);
    EXPECT_EQ(call(0x8400000f)[0], kNs);
    EXPECT_TRUE(filter(0x84000010, 1, kDeny).ok());
    EXPECT_EQ(config.filter.action(0x84000000), FilterAction::kDeny);
}

}  // namespace
}  // namespace nest::kvm
