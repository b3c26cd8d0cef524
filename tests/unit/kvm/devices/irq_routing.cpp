// SPDX-License-Identifier: GPL-2.0-only
#include <cerrno>
#include <gtest/gtest.h>
#include <kvm/devices/irq_line.hpp>
#include <kvm/devices/irq_routing.hpp>
#include <tests/fake/port.hpp>
#include <vector>

namespace nest::test {
namespace {

using namespace kvm::abi;
using Kind = kvm::IrqRoute::Kind;

IrqRoutingEntry spi(u32 gsi, u32 pin) {
    IrqRoutingEntry e{};
    e.gsi = gsi;
    e.type = KVM_IRQ_ROUTING_IRQCHIP;
    e.u.irqchip = {0, pin};
    return e;
}
IrqRoutingEntry msi(u32 gsi, u32 flags = KVM_MSI_VALID_DEVID) {
    IrqRoutingEntry e{};
    e.gsi = gsi;
    e.type = KVM_IRQ_ROUTING_MSI;
    e.flags = flags;
    e.u.msi = {0x0808'0040, 1, 33, 0x10};
    return e;
}

class IrqRoutingTest : public ::testing::Test {
protected:
    IrqRoutingTest() { port().reset(); }
    int set(const std::vector<IrqRoutingEntry>& entries, u32 flags = 0) {
        IrqRouting header{static_cast<u32>(entries.size()), flags};
        return static_cast<int>(-to_abi(routing.set(header, reinterpret_cast<u64>(entries.data()))));
    }
    kvm::IrqRouting routing{true};
};

TEST_F(IrqRoutingTest, IsEmptyAtFirst) {
    EXPECT_EQ(routing.route(0).kind, Kind::kNone);
    EXPECT_EQ(routing.route(~0u).kind, Kind::kNone);
    EXPECT_EQ(routing.gsi_of_spi(32), -1);
}

TEST_F(IrqRoutingTest, DefaultsToTheIdentity) {
    ASSERT_TRUE(routing.set_default(64).ok());
    for (u32 gsi = 0; gsi < 64; gsi++) {
        EXPECT_EQ(routing.route(gsi).kind, Kind::kSpi);
        EXPECT_EQ(routing.route(gsi).intid, gsi + 32);
        EXPECT_EQ(routing.gsi_of_spi(gsi + 32), static_cast<int>(gsi));
    }
    EXPECT_EQ(routing.route(64).kind, Kind::kNone);
    for (u32 intid : {0u, 31u, 96u, 1019u, 1020u, 4096u, ~0u})
        EXPECT_EQ(routing.gsi_of_spi(intid), -1) << intid;
}

TEST_F(IrqRoutingTest, TakesSpisAndMsis) {
    ASSERT_EQ(set({spi(5, 100), msi(4095), msi(7, 0)}), 0);
    EXPECT_EQ(routing.route(5).intid, 132u);
    EXPECT_EQ(routing.gsi_of_spi(132), 5);
    kvm::IrqRoute route = routing.route(4095);
    EXPECT_EQ(route.kind, Kind::kMsi);
    EXPECT_EQ(route.msi.address_lo, 0x0808'0040u);
    EXPECT_EQ(route.msi.address_hi, 1u);
    EXPECT_EQ(route.msi.data, 33u);
    EXPECT_EQ(route.msi.devid, 0x10u);
    EXPECT_EQ(route.msi.flags, KVM_MSI_VALID_DEVID);
    EXPECT_EQ(routing.route(7).msi.flags, 0u);
    EXPECT_EQ(routing.route(6).kind, Kind::kNone);
    ASSERT_EQ(set({}), 0);
    EXPECT_EQ(routing.route(5).kind, Kind::kNone);
    EXPECT_EQ(routing.gsi_of_spi(132), -1);
}

TEST_F(IrqRoutingTest, AnErrorLeavesTheOldRoutes) {
    ASSERT_EQ(set({spi(1, 9)}), 0);
    auto other_chip = spi(2, 1), flagged = spi(2, 1), no_type = spi(2, 1), other_type = spi(2, 1);
    other_chip.u.irqchip.irqchip = 1;
    flagged.flags = 1;
    no_type.type = 0;
    other_type.type = 3;
    const std::vector<std::vector<IrqRoutingEntry>> bad = {
        {spi(4096, 1)},           {spi(2, 988)},         {other_chip},           {flagged},        {no_type},
        {other_type},             {msi(2, 2)},           {spi(2, 1), spi(2, 1)}, {spi(2, 1), spi(2, 3)},
        {msi(2), msi(2)},         {spi(2, 1), msi(2)},   {spi(3, 1), spi(4096, 1)},
    };
    for (size_t i = 0; i < bad.size(); i++)
        EXPECT_EQ(set(bad[i]), EINVAL) << i;
    EXPECT_EQ(set({spi(2, 1)}, 1), EINVAL) << "flags";
    EXPECT_EQ(set(std::vector<IrqRoutingEntry>(4097)), EINVAL);
    EXPECT_EQ(-to_abi(routing.set(IrqRouting{1, 0}, 0)), EFAULT);
    for (u64 n = 1; n <= 3; n++) {
        port().fail_allocation = n;
        EXPECT_EQ(set({spi(2, 1)}), ENOMEM);
    }
    EXPECT_EQ(routing.route(1).intid, 41u);
    EXPECT_EQ(routing.route(2).kind, Kind::kNone);
    EXPECT_EQ(set({spi(2, 987), spi(3, 987)}), 0) << "two GSIs may share a pin";
}

TEST_F(IrqRoutingTest, LeaksNothing) {
    size_t before = port().live_objects;
    {
        kvm::IrqRouting mine{true};
        ASSERT_TRUE(mine.set_default(10).ok());
        ASSERT_TRUE(mine.set_default(988).ok());
    }
    EXPECT_EQ(port().live_objects, before);
}

u32 line(u32 kind, u32 vcpu, u32 number) { return (vcpu >> 8) << 28 | kind << 24 | (vcpu & 0xff) << 16 | number; }

TEST(IrqLine, DecodesEveryKind) {
    struct Case {
        u32 irq;
        bool gic;
        int error;
        kvm::IrqLine::Kind kind;
        unsigned vcpu, intid;
    };
    using K = kvm::IrqLine::Kind;
    const Case cases[] = {
        {line(0, 3, 0), false, 0, K::kCpu, 3, 0},          {line(0, 3, 1), false, 0, K::kCpu, 3, 1},
        {line(0, 3, 2), false, EINVAL, K::kCpu, 0, 0},     {line(0, 3, 0), true, ENXIO, K::kCpu, 0, 0},
        {line(2, 0xfff, 16), true, 0, K::kPpi, 0xfff, 16}, {line(2, 511, 31), true, 0, K::kPpi, 511, 31},
        {line(2, 0, 15), true, EINVAL, K::kPpi, 0, 0},     {line(2, 0, 32), true, EINVAL, K::kPpi, 0, 0},
        {line(2, 0, 16), false, ENXIO, K::kPpi, 0, 0},     {line(1, 0, 32), true, 0, K::kSpi, 0, 32},
        {line(1, 0, 31), true, EINVAL, K::kSpi, 0, 0},     {line(1, 0, 0xffff), true, 0, K::kSpi, 0, 0xffff},
        {line(1, 0, 32), false, ENXIO, K::kSpi, 0, 0},     {line(3, 0, 32), true, EINVAL, K::kSpi, 0, 0},
        {line(15, 0, 32), false, EINVAL, K::kSpi, 0, 0},
    };
    for (const Case& c : cases) {
        auto decoded = kvm::decode_irq_line({c.irq, 1}, c.gic);
        ASSERT_EQ(decoded.ok() ? 0 : static_cast<int>(decoded.error()), c.error) << std::hex << c.irq;
        if (c.error)
            continue;
        EXPECT_EQ(decoded.value().kind, c.kind);
        EXPECT_EQ(decoded.value().intid, c.intid);
        EXPECT_TRUE(decoded.value().level);
        EXPECT_EQ(decoded.value().vcpu, c.vcpu);
    }
    EXPECT_FALSE(kvm::decode_irq_line({line(1, 0, 40), 0}, true).value().level);
    EXPECT_TRUE(kvm::decode_irq_line({line(1, 0, 40), 0x100}, true).value().level);
}

}  // namespace
}  // namespace nest::test
