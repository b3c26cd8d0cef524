// SPDX-License-Identifier: GPL-2.0-only
#include <cerrno>
#include <gtest/gtest.h>
#include <kvm/devices/io_bus.hpp>
#include <optional>
#include <tests/fake/port.hpp>

namespace nest::test {
namespace {

using namespace kvm::abi;
using arch::Ipa;

class IoBusTest : public ::testing::Test {
protected:
    IoBusTest() {
        port().reset();
        live = port().live_objects;
        bus.emplace();
        EXPECT_TRUE(bus->init().ok());
        fd = port().make_eventfd();
        other_fd = port().make_eventfd();
    }
    ~IoBusTest() override {
        bus.reset();
        EXPECT_EQ(port().live_eventfd_refs, 0u);
        EXPECT_EQ(port().live_objects, live);
    }
    int event(u64 addr, u32 len, u32 flags = 0, u64 match = 0, int use_fd = 0) {
        return static_cast<int>(-to_abi(bus->ioeventfd({match, addr, len, use_fd ? use_fd : fd, flags, {}})));
    }
    int add_zone(u64 addr, u32 size, u32 pio = 0) {
        return static_cast<int>(-to_abi(bus->register_zone({addr, size, pio})));
    }
    int drop_zone(u64 addr, u32 size, u32 pio = 0) {
        return static_cast<int>(-to_abi(bus->unregister_zone({addr, size, pio})));
    }
    size_t live;
    std::optional<kvm::IoBus> bus;
    int fd, other_fd;
};
constexpr u32 kMatch = KVM_IOEVENTFD_FLAG_DATAMATCH;
constexpr u32 kPio = KVM_IOEVENTFD_FLAG_PIO;
constexpr u32 kCcw = KVM_IOEVENTFD_FLAG_VIRTIO_CCW_NOTIFY;
constexpr u32 kDrop = KVM_IOEVENTFD_FLAG_DEASSIGN;

TEST_F(IoBusTest, IoeventfdChecksItsArguments) {
    for (u32 len : {0u, 1u, 2u, 4u, 8u})
        EXPECT_EQ(event(0x1000 * (len + 1), len), 0) << len;
    for (u32 len : {3u, 5u, 7u, 9u, 16u, 0xffff'ffffu})
        EXPECT_EQ(event(0x9000, len), EINVAL) << len;
    EXPECT_EQ(event(~u64{0} - 2, 4), EINVAL) << "wraps";
    EXPECT_EQ(event(0x9000, 0, kMatch), EINVAL) << "nothing to match";
    EXPECT_EQ(event(0x9000, 4, 1 << 5), EINVAL);
    EXPECT_EQ(event(0x9000, 4, 1u << 31), EINVAL);
    EXPECT_EQ(event(0x9000, 4, 0, 0, 77), EBADF);
    EXPECT_EQ(event(0x9000, 4, 0, 0, -1), EBADF);
    const int no_eventfd = port().make_other_file();
    EXPECT_EQ(event(0x9000, 4, 0, 0, no_eventfd), EINVAL);
    EXPECT_EQ(event(0x9000, 4, kDrop, 0, no_eventfd), EINVAL);
    EXPECT_EQ(event(0x9000, 3, 0, 0, 77), EINVAL) << "the length comes first";
    EXPECT_EQ(event(0x9000, 3, kDrop), ENOENT) << "taking away checks nothing but what it looks for";
    EXPECT_EQ(event(0x9000, 4, kPio), 0);
}

TEST_F(IoBusTest, TheSameWriteSignalsOnce) {
    ASSERT_EQ(event(0x1000, 4, kMatch, 7), 0);
    EXPECT_EQ(event(0x1000, 4, kMatch, 7, other_fd), EEXIST);
    EXPECT_EQ(event(0x1000, 4, kMatch, 8, other_fd), 0);
    EXPECT_EQ(event(0x1000, 4, 0, 0, other_fd), EEXIST) << "any value";
    EXPECT_EQ(event(0x1000, 0, 0, 0, other_fd), EEXIST) << "any length";
    EXPECT_EQ(event(0x1000, 2, 0, 0, other_fd), 0);
    EXPECT_EQ(event(0x1000, 4, kPio, 0, other_fd), 0) << "another space";
    ASSERT_EQ(event(0x2000, 0), 0);
    EXPECT_EQ(event(0x2000, 8, kMatch, 1, other_fd), EEXIST);
}

TEST_F(IoBusTest, MatchesAddressLengthAndValue) {
    ASSERT_EQ(event(0x1000, 4, kMatch, 7), 0);
    ASSERT_EQ(event(0x1004, 2), 0);
    ASSERT_EQ(event(0x2000, 0), 0);
    ASSERT_EQ(event(0x3000, 4, kMatch, 0x1'0000'0007), 0);
    struct Case {
        u64 address;
        unsigned bytes;
        u64 value;
        bool hit;
    };
    const Case cases[] = {
        {0x1000, 4, 7, true},  {0x1000, 4, 8, false},   {0x1000, 8, 7, false},      {0x1000, 2, 7, false},
        {0x1001, 4, 7, false}, {0xffc, 8, 7, false},    {0x1004, 2, 123, true},     {0x1004, 1, 123, false},
        {0x2000, 1, 0, true},  {0x2000, 8, ~0ull, true}, {0x2001, 1, 0, false},     {0x1000, 4, 0xf'0000'0007, true},
        {0x3000, 4, 7, false},
    };
    for (const Case& c : cases) {
        u64 before = port().eventfd_count(fd);
        EXPECT_EQ(bus->write(Ipa(c.address), c.bytes, c.value), c.hit) << std::hex << c.address << " " << c.bytes;
        EXPECT_EQ(port().eventfd_count(fd), before + c.hit);
    }
}

TEST_F(IoBusTest, PortEventsNeverHit) {
    ASSERT_EQ(event(0x80, 4, kPio), 0);
    EXPECT_FALSE(bus->write(Ipa(0x80), 4, 0));
    ASSERT_EQ(add_zone(0x80, 4, 1), 0);
    EXPECT_FALSE(bus->write(Ipa(0x80), 4, 0));
    EXPECT_EQ(event(0x80, 4, kPio | kDrop), 0);
    ASSERT_EQ(event(0x80, 4, kCcw), 0);
    EXPECT_FALSE(bus->write(Ipa(0x80), 4, 0));
    EXPECT_EQ(event(0x80, 4, kPio | kCcw), 0) << "PIO wins, and is another space";
    EXPECT_EQ(event(0x80, 4, kCcw), EEXIST);
    EXPECT_EQ(event(0x80, 4, kDrop), ENOENT);
    EXPECT_EQ(event(0x80, 4, kCcw | kDrop), 0);
    EXPECT_EQ(event(0x80, 4, kPio | kDrop), 0);
}

TEST_F(IoBusTest, DeassignNeedsTheVerySame) {
    ASSERT_EQ(event(0x1000, 4, kMatch, 7), 0);
    EXPECT_EQ(event(0x1000, 4, kMatch | kDrop, 8), ENOENT);
    EXPECT_EQ(event(0x1000, 4, kDrop, 7), ENOENT);
    EXPECT_EQ(event(0x1000, 2, kMatch | kDrop, 7), ENOENT);
    EXPECT_EQ(event(0x1004, 4, kMatch | kDrop, 7), ENOENT);
    EXPECT_EQ(event(0x1000, 4, kMatch | kDrop | kPio, 7), ENOENT);
    EXPECT_EQ(event(0x1000, 4, kMatch | kDrop, 7, other_fd), ENOENT);
    EXPECT_EQ(event(0x1000, 4, kMatch | kDrop, 7, 77), EBADF);
    EXPECT_EQ(event(0x1000, 4, kMatch | kDrop, 7), 0);
    EXPECT_EQ(event(0x1000, 4, kMatch | kDrop, 7), ENOENT);
    EXPECT_FALSE(bus->write(Ipa(0x1000), 4, 7));
    EXPECT_EQ(event(0x1000, 4, kMatch, 7), 0) << "free again";
}

TEST_F(IoBusTest, ManyEventsAreFound) {
    for (u32 i = 0; i < 500; i++)
        ASSERT_EQ(event(0x10000 + ((i * 7919) % 500) * 4, 4, kMatch, i), 0);
    for (u32 i = 0; i < 500; i++)
        EXPECT_TRUE(bus->write(Ipa(0x10000 + ((i * 7919) % 500) * 4), 4, i)) << i;
    EXPECT_EQ(port().eventfd_count(fd), 500u);
}

TEST_F(IoBusTest, FailedAllocationsChangeNothing) {
    port().fail_allocation = 1;
    EXPECT_EQ(event(0x1000, 4), ENOMEM);
    port().fail_allocation = 2;
    EXPECT_EQ(event(0x1000, 4), ENOMEM);
    EXPECT_FALSE(bus->write(Ipa(0x1000), 4, 0));
    port().fail_allocation = 1;
    EXPECT_EQ(add_zone(0x1000, 4), ENOMEM);
    port().fail_allocation = 2;
    EXPECT_EQ(add_zone(0x1000, 4), ENOMEM);
    EXPECT_FALSE(bus->write(Ipa(0x1000), 4, 0));
    EXPECT_EQ(port().live_eventfd_refs, 0u);
}

TEST_F(IoBusTest, ZonesTakeOnlyWholeWrites) {
    ASSERT_EQ(add_zone(0x1000, 0x100), 0);
    EXPECT_TRUE(bus->write(Ipa(0x1000), 8, 1));
    EXPECT_TRUE(bus->write(Ipa(0x10ff), 1, 1));
    EXPECT_FALSE(bus->write(Ipa(0x10ff), 2, 1));
    EXPECT_FALSE(bus->write(Ipa(0xfff), 1, 1));
    EXPECT_FALSE(bus->write(Ipa(0xffe), 4, 1));
    EXPECT_FALSE(bus->write(Ipa(0x1100), 1, 1));
    ASSERT_EQ(event(0x1010, 4), 0);
    auto* ring = static_cast<CoalescedMmioRing*>(bus->ring().page());
    u32 last = ring->last;
    EXPECT_TRUE(bus->write(Ipa(0x1010), 4, 1));
    EXPECT_EQ(ring->last, last) << "an ioeventfd comes before its zone";
}

TEST_F(IoBusTest, UnregisteringDropsEveryZoneAround) {
    EXPECT_EQ(add_zone(0x1000, 0x100, 2), EINVAL);
    EXPECT_EQ(drop_zone(0x1000, 0x100, 2), EINVAL);
    ASSERT_EQ(add_zone(0x1000, 0x100), 0);
    ASSERT_EQ(add_zone(0x1000, 0x200), 0);
    ASSERT_EQ(add_zone(0x2000, 0x100), 0);
    EXPECT_EQ(drop_zone(0x1000, 0x101), 0);
    EXPECT_TRUE(bus->write(Ipa(0x1000), 4, 0)) << "the small one is still there";
    EXPECT_FALSE(bus->write(Ipa(0x1100), 4, 0)) << "the large one is not";
    EXPECT_EQ(drop_zone(0x1000, 0x100, 1), 0) << "ports are others";
    EXPECT_TRUE(bus->write(Ipa(0x1000), 4, 0));
    EXPECT_EQ(drop_zone(0x1050, 1), 0);
    EXPECT_FALSE(bus->write(Ipa(0x1000), 4, 0));
    EXPECT_TRUE(bus->write(Ipa(0x2000), 4, 0));
    EXPECT_EQ(drop_zone(~u64{0}, 0xffff), 0);
}

TEST_F(IoBusTest, ZonesAreLimited) {
    for (u64 i = 0; i < kvm::IoBus::kMaxZones; i++)
        ASSERT_EQ(add_zone(i * 16, 8), 0);
    EXPECT_EQ(add_zone(0x100000, 8), ENOSPC);
    EXPECT_EQ(drop_zone(0, 8), 0);
    EXPECT_EQ(add_zone(0x100000, 8), 0);
}

TEST_F(IoBusTest, TheRingKeepsOneEntryFree) {
    constexpr u32 kEntries = 170;
    auto* ring = static_cast<CoalescedMmioRing*>(bus->ring().page());
    auto* entries = reinterpret_cast<CoalescedMmio*>(ring + 1);
    ASSERT_EQ(add_zone(0x1000, 8), 0);
    for (u32 start = 0; start < kEntries; start++) {
        ring->first = ring->last = start;
        for (u32 i = 0; i < kEntries - 1; i++)
            ASSERT_TRUE(bus->write(Ipa(0x1000 + i % 4), 4, 0x1'0000'0000 + start * 1000 + i)) << start << " " << i;
        EXPECT_FALSE(bus->write(Ipa(0x1000), 4, 0)) << "full";
        EXPECT_EQ((ring->last + 1) % kEntries, ring->first);
        for (u32 i = 0; i < kEntries - 1; i++) {
            const CoalescedMmio& entry = entries[(start + i) % kEntries];
            u32 data;
            __builtin_memcpy(&data, entry.data, 4);
            EXPECT_EQ(entry.phys_addr, 0x1000 + i % 4);
            EXPECT_EQ(entry.len, 4u);
            EXPECT_EQ(entry.pio, 0u);
            EXPECT_EQ(data, start * 1000 + i);
        }
        ring->first = (ring->first + 1) % kEntries;
        EXPECT_TRUE(bus->write(Ipa(0x1000), 4, 0)) << "room again";
    }
    for (u32 bad : {kEntries, kEntries + 1, ~u32{0}}) {
        ring->last = bad;
        EXPECT_FALSE(bus->write(Ipa(0x1000), 8, 0)) << "a broken index";
        EXPECT_EQ(ring->last, bad);
    }
}

// The VMM reckons with its own page size.
TEST_F(IoBusTest, TheRingFillsThePageOfTheHost) {
    for (unsigned shift : {14, 16}) {
        port().page_shift = shift;
        bus.emplace();
        ASSERT_TRUE(bus->init().ok());
        ASSERT_EQ(add_zone(0x1000, 8), 0);
        u32 taken = 0;
        while (bus->write(Ipa(0x1000), 4, taken))
            taken++;
        EXPECT_EQ(taken, ((1u << shift) - sizeof(CoalescedMmioRing)) / sizeof(CoalescedMmio) - 1) << shift;
    }
}

}  // namespace
}  // namespace nest::test
