// SPDX-License-Identifier: GPL-2.0-only
// The frames as the guest sees them: addresses, widths, identification, reserved places.
#include <gtest/gtest.h>
#include <tests/unit/vgic/machine.hpp>

namespace nest::test {
namespace {

TEST(Frames, OnlyTheirAddresses) {
    Machine m(2);
    u64 value = 5;
    for (const u64 outside : {kDistBase - 4, kDistBase + 0x10000, kRedistBase - 4, kRedistBase + 2 * 0x20000, u64{0}}) {
        EXPECT_FALSE(vgic::mmio_read(m.cpu(0), arch::Ipa(outside), 4, value)) << std::hex << outside;
        EXPECT_FALSE(vgic::mmio_write(m.cpu(0), arch::Ipa(outside), 4, value));
        EXPECT_FALSE(vgic::mmio_read_in_tier0(m.cpu(0), arch::Ipa(outside), 4, value));
    }
    EXPECT_EQ(value, 5u);
}

TEST(Frames, Identification) {
    Machine m(2, 4, 96);
    EXPECT_EQ(m.read(0, Machine::gicd(0x0)), 0x52u);
    EXPECT_EQ(m.read(0, Machine::gicd(0x4)), 2u | 9u << 19);
    EXPECT_EQ(m.read(0, Machine::gicd(0x8)), 0x4b00343bu);
    EXPECT_EQ(m.read(0, Machine::gicd(0xc)), 0u);
    EXPECT_EQ(m.read(0, Machine::gicd(0xffe8)), 0x3bu);
    EXPECT_EQ(m.read(0, Machine::gicr(1, 0xffe8)), 0x3bu);
    EXPECT_EQ(m.read(0, Machine::gicr(1, 0x0)), 6u);
    EXPECT_EQ(m.read(0, Machine::gicr(1, 0x4)), 0x4b00043bu);
    EXPECT_EQ(m.read(0, Machine::gicr(0, 0x8), 8), 0u);
    EXPECT_EQ(m.read(0, Machine::gicr(1, 0x8), 8), u64{1} << 32 | 0x110);
    EXPECT_EQ(m.read(0, Machine::gicr(1, 0xc)), 1u);
    EXPECT_EQ(m.read(0, Machine::gicr(0, 0x14)), 0u);
    m.write(0, Machine::gicd(0x8), 0x4b00243b);
    EXPECT_EQ(m.read(0, Machine::gicd(0x8)), 0x4b00343bu) << "read-only to the guest";
}

struct Width {
    u64 address;
    unsigned length;
    u64 written, read;
};

// What is not of a register's width, not aligned, reserved or beyond the last interrupt reads as zero, writes nothing.
TEST(Frames, Widths) {
    Machine m(1, 4, 96);
    const Width table[] = {
        {Machine::gicd(0x104), 4, 0xffff0001, 0xffff0001},
        {Machine::gicd(0x104), 1, 0xff, 0},
        {Machine::gicd(0x104), 2, 0xff, 0},
        {Machine::gicd(0x108), 8, ~u64{0}, 0},
        {Machine::gicd(0x106), 4, 0xff, 0},
        {Machine::gicd(0x100), 4, 0xff, 0},          // private interrupts are elsewhere
        {Machine::gicd(0x10c), 4, 0xff, 0},          // INTID 96
        {Machine::gicd(0x420), 4, 0xffffffff, 0xf8f8f8f8},
        {Machine::gicd(0x421), 1, 0x80, 0x80},
        {Machine::gicd(0x422), 2, 0x8080, 0},
        {Machine::gicd(0x460), 4, 0xffffffff, 0},
        {Machine::gicd(0x820), 4, 0xffffffff, 0},
        {Machine::gicd(0xc08), 4, 0xffffffff, 0xaaaaaaaa},
        {Machine::gicd(0xd04), 4, 0xffffffff, 0},
        {Machine::gicd(0x6100), 8, 0xffffffff80000000, 0},
        {Machine::gicd(0x6108), 4, 0x123456, 0x123456},
        {Machine::gicd(0x610c), 4, 0x7, 0},
        {Machine::gicd(0x6000), 8, 0x7, 0},
        {Machine::gicd(0x6300), 8, 0x7, 0},
        {Machine::gicd(0x10), 4, 0x7, 0},
        {Machine::gicd(0x3000), 4, 0x7, 0},
        {Machine::gicr(0, 0x10080), 4, 0x0f0f0f0f, 0x0f0f0f0f},
        {Machine::gicr(0, 0x10084), 4, 0xff, 0},
        {Machine::gicr(0, 0x10c00), 4, 0, 0xaaaaaaaa},           // SGIs are edges
        {Machine::gicr(0, 0x10c04), 4, ~u64{0}, 0},              // PPIs are levels
        {Machine::gicr(0, 0x10408), 1, 0xff, 0xf8},
        {Machine::gicr(0, 0x00), 4, 1, 6},                       // no LPIs to enable
        {Machine::gicr(0, 0x70), 8, 0x40000780, 0x40000780},
        {Machine::gicr(0, 0x70), 4, 0x80000780, 0x80000780},
        {Machine::gicr(0, 0x74), 4, 0x12, 0x12},
        {Machine::gicr(0, 0x78), 8, u64{1} << 62 | 0x50000780, 0x50000780},
        {Machine::gicr(0, 0x70), 8, u64{2} << 10 | 1u << 7, u64{1} << 10 | 3u << 7},
        {Machine::gicr(0, 0xa0), 8, 1, 0},
        {Machine::gicr(0, 0xc0), 4, 1, 0},
    };
    for (const Width& w : table) {
        m.write(0, w.address, w.written, w.length);
        EXPECT_EQ(m.read(0, w.address, w.length), w.read) << std::hex << w.address << " length " << w.length;
    }
}

TEST(Frames, TableRegistersKeepOnlyWhatACoherentMachineHas) {
    Machine m(1);
    m.write(0, Machine::gicr(0, 0x78), ~u64{0}, 8);
    // Address 51:16, shareability 3 (reserved, kept), inner 7, outer narrowed to "same as inner", PTZ reads as zero.
    EXPECT_EQ(m.read(0, Machine::gicr(0, 0x78), 8), 0x000fffffffff0f80u);
}

TEST(Frames, PrioritiesAreBytes) {
    Machine m(1);
    m.write(0, Machine::gicd(0x420), 0x40302010);
    m.write(0, Machine::gicd(0x422), 0x98, 1);
    EXPECT_EQ(m.read(0, Machine::gicd(0x420)), 0x40982010u);
    EXPECT_EQ(m.read(0, Machine::gicd(0x421), 1), 0x20u);
}

TEST(Frames, ConfigurationChangesWhatTheLineMeans) {
    Machine m(1);
    m.make_edge(40);
    m.enable(0, 40);
    m.distributor->spi_bank(0).line |= vgic::bit_of(40);
    m.write(0, Machine::gicd(0xc08), 0);
    EXPECT_EQ(m.handle(0), 40u) << "a level now, and high";
}

TEST(Frames, EnableAndDisableAreSeparate) {
    Machine m(1);
    m.write(0, Machine::gicd(0x104), 0xff);
    m.write(0, Machine::gicd(0x184), 0x0f);
    EXPECT_EQ(m.read(0, Machine::gicd(0x104)), 0xf0u);
    EXPECT_EQ(m.read(0, Machine::gicd(0x184)), 0xf0u);
    EXPECT_EQ(m.read(0, Machine::gicr(0, 0x10100)), 0xffffu) << "SGIs come up enabled";
}

TEST(Frames, OtherRedistributorsAreReachable) {
    Machine m(3);
    m.write(0, Machine::gicr(2, 0x10100), 1u << 20);
    EXPECT_EQ(m.read(1, Machine::gicr(2, 0x10100)), 0xffffu | 1u << 20);
    EXPECT_EQ(m.bank(1, 20).enabled, 0xffffu);
}

TEST(Frames, TierZeroReadsWhatNeedsNoLockAndAgrees) {
    Machine m(2);
    u64 value = 0;
    for (const u64 a : {Machine::gicd(0), Machine::gicd(4), Machine::gicd(8), Machine::gicd(0xffe8), Machine::gicr(0, 4),
                        Machine::gicr(0, 8), Machine::gicr(1, 8), Machine::gicr(0, 0x14)}) {
        EXPECT_TRUE(vgic::mmio_read_in_tier0(m.cpu(0), arch::Ipa(a), 4, value)) << std::hex << a;
        EXPECT_EQ(value, m.read(0, a)) << std::hex << a;
    }
    EXPECT_TRUE(vgic::mmio_read_in_tier0(m.cpu(0), arch::Ipa(Machine::gicr(1, 8)), 8, value));
    EXPECT_EQ(value, m.read(0, Machine::gicr(1, 8), 8));
    for (const u64 a : {Machine::gicd(0x104), Machine::gicd(0x204), Machine::gicd(0x304), Machine::gicd(0x420),
                        Machine::gicd(0xc08), Machine::gicd(0x6100), Machine::gicr(0, 0x10080), Machine::gicr(0, 0x10200)})
        EXPECT_FALSE(vgic::mmio_read_in_tier0(m.cpu(0), arch::Ipa(a), 4, value)) << std::hex << a;
    EXPECT_FALSE(vgic::mmio_read_in_tier0(m.cpu(0), arch::Ipa(Machine::gicd(8)), 2, value)) << "a size that it lacks";
}

}  // namespace
}  // namespace nest::test
