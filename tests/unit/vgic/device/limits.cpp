// SPDX-License-Identifier: GPL-2.0-only
// INTIDs 1020 to 1023 are no interrupts: [IHI0069] 2.2.1. Of 1024 "interrupts", 1020 exist.
#include <cstring>
#include <gtest/gtest.h>
#include <tests/unit/vgic/machine.hpp>
#include <vgic/device/device_abi.hpp>

namespace nest::test {
namespace {

constexpr u32 kLastWord = 1023 / 32 * 4;         // of a register with a bit for each interrupt
constexpr u32 kReal = 0x0fff'ffff, kSpecial = ~kReal;

struct Limits : testing::Test {
    Machine m{1, 4, 1024};
    vgic::Bank& last() { return m.bank(0, 1023); }
    bool nothing_reaches_a_list_register() {
        m.flush(0);
        const unsigned used = m.cpu(0).hw.used;
        m.sync(0);
        return used == 0;
    }
};

TEST_F(Limits, TheGuestCanNeitherEnableNorRaiseThem) {
    for (u64 offset : {0x080, 0x100, 0x200, 0x300}) {
        m.write(0, Machine::gicd(offset + kLastWord), kSpecial);
        EXPECT_EQ(m.read(0, Machine::gicd(offset + kLastWord)) & kSpecial, 0u) << std::hex << offset;
    }
    EXPECT_EQ((last().enabled | last().latch | last().active) & kSpecial, 0u);
    EXPECT_EQ(m.cpu(0).held_count.load_relaxed(), 0u);
    EXPECT_TRUE(nothing_reaches_a_list_register());
}

TEST_F(Limits, TheirNeighboursWork) {
    m.write(0, Machine::gicd(0x100 + kLastWord), ~u32{0});
    EXPECT_EQ(m.read(0, Machine::gicd(0x100 + kLastWord)), kReal);
    m.write(0, Machine::gicd(0x200 + kLastWord), 1u << 27);
    EXPECT_EQ(m.handle(0), 1019u);
}

TEST_F(Limits, FieldsAreReservedToo) {
    m.write(0, Machine::gicd(0x400 + 1020), 0xf8f8f8f8);
    EXPECT_EQ(m.read(0, Machine::gicd(0x400 + 1020)), 0u);
    m.write(0, Machine::gicd(0x400 + 1023), 0xf8, 1);
    EXPECT_EQ(m.read(0, Machine::gicd(0x400 + 1023), 1), 0u);
    for (unsigned n = 28; n < 32; n++)
        EXPECT_EQ(last().priority[n], 0u);
    m.write(0, Machine::gicd(0xc00 + 1008 / 4), ~u64{0});
    EXPECT_EQ(m.read(0, Machine::gicd(0xc00 + 1008 / 4)), 0x00aa'aaaau);
    m.write(0, Machine::gicd(0x6000 + 8 * 1020), 5, 8);
    EXPECT_EQ(m.read(0, Machine::gicd(0x6000 + 8 * 1020), 8), 0u);
    EXPECT_EQ(m.distributor->spi_bank(30).route[28], 0u);
    m.write(0, Machine::gicd(0x400 + 1016), 0xf8f8f8f8);
    EXPECT_EQ(m.read(0, Machine::gicd(0x400 + 1016)), 0xf8f8f8f8u);
    m.write(0, Machine::gicd(0x6000 + 8 * 1019), 5, 8);
    EXPECT_EQ(m.read(0, Machine::gicd(0x6000 + 8 * 1019), 8), 5u);
}

struct NoContext final : vgic::DeviceContext {
    bool read_user(void* to, u64 from, size_t n) override { return std::memcpy(to, reinterpret_cast<void*>(from), n); }
    bool write_user(u64 to, const void* from, size_t n) override {
        return std::memcpy(reinterpret_cast<void*>(to), from, n);
    }
    bool try_lock_vcpus() override { return true; }
    void unlock_vcpus() override {}
};

// What a migration stream may hold.
TEST_F(Limits, UserSpaceCannotEither) {
    NoContext context;
    u32 all = ~u32{0};
    const auto set = [&](u32 group, u64 attr) {
        return static_cast<bool>(vgic::set_attr(*m.distributor, context, {0, group, attr, reinterpret_cast<u64>(&all)}));
    };
    EXPECT_TRUE(set(vgic::KVM_DEV_ARM_VGIC_GRP_LEVEL_INFO, 992));
    EXPECT_EQ(last().line, kReal);
    for (u64 offset : {0x100, 0x200, 0x300})
        EXPECT_TRUE(set(vgic::KVM_DEV_ARM_VGIC_GRP_DIST_REGS, offset + kLastWord));
    EXPECT_EQ((last().enabled | last().latch | last().active), kReal);
    EXPECT_EQ(m.cpu(0).held[30] & kSpecial, 0u);
}

TEST_F(Limits, SpisThatAGsiCanMean) {
    EXPECT_EQ(m.distributor->interrupts(), 1024u) << "GICD_TYPER has no way to say 1020";
    EXPECT_EQ(m.distributor->spis(), 988u);
    EXPECT_EQ(Machine(1, 4, 64).distributor->spis(), 32u);
}

TEST(Regions, AreSoMany) {
    const auto regions = std::make_unique<vgic::RedistributorRegions>();
    const auto add = [&](unsigned n) { return regions->add(u64{n} * 0x2'0000, n, 1, 1, ~u64{0}, kIpaLimit); };
    for (unsigned n = 0; n < vgic::RedistributorRegions::kMax; n++)
        ASSERT_TRUE(add(n).ok()) << n;
    EXPECT_EQ(add(vgic::RedistributorRegions::kMax).error(), Errno::kNoSpc);
    EXPECT_EQ(regions->size(), vgic::RedistributorRegions::kMax);
}

}  // namespace
}  // namespace nest::test
