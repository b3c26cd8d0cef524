// SPDX-License-Identifier: GPL-2.0-only
// Every command, with what makes it one and what does not.
#include <gtest/gtest.h>
#include <tests/unit/vgic/its/its_machine.hpp>

namespace nest::test {
namespace {

constexpr int kNone = ItsMachine::kNone, kDisabled = ItsMachine::kDisabled;

// Device 7 has 32 events, collection c is vCPU c's.
struct ItsCommands : testing::Test {
    ItsCommands() {
        i.enable();
        i.run({mapc(0, 0), mapc(1, 1), mapc(2, 2), mapd(7, kItts, 5)});
    }
    ItsMachine i;
};

TEST_F(ItsCommands, MaptiGivesAnEventAnLpi) {
    i.run({mapti(7, 3, 8200, 1)});
    EXPECT_EQ(i.taker(7, 3, 8200), 1);
    EXPECT_FALSE(i.send(7, 2));
    EXPECT_FALSE(i.send(6, 3));
    EXPECT_FALSE(i.send(7 + 65536, 3));
    EXPECT_FALSE(i.send(7, 3 + 65536));
    i.m.callbacks.kicks.clear();
    EXPECT_TRUE(i.send(7, 3));
    EXPECT_EQ(i.m.handle(1), 8200u) << "and the guest gets it";
}

TEST_F(ItsCommands, MapiTakesTheEventsNumber) {
    i.run({mapd(9, kItts + 0x1000, 16), mapi(9, 8192, 2), mapi(9, 65535, 0), mapi(9, 8191, 0)});
    EXPECT_EQ(i.taker(9, 8192, 8192), 2);
    EXPECT_EQ(i.taker(9, 65535, 65535), 0);
    EXPECT_FALSE(i.send(9, 8191));
}

TEST_F(ItsCommands, MaptiChecksItsNumbers) {
    i.run({mapti(7, 32, 8200, 0), mapti(8, 0, 8200, 0), mapti(7, 1, 8191, 0), mapti(7, 1, 65536, 0), mapti(7, 1, 1023, 0),
           mapti(7, 1, 0x1'0000'2008 & 0xffffffff, 0), mapti(0x10007, 2, 8201, 0), mapti(7, 0x1'0000, 8201, 0)});
    for (unsigned e = 0; e < 64; e++)
        EXPECT_EQ(i.send(7, e), e == 1) << e;
    EXPECT_EQ(i.taker(7, 1, 0x2008), 0);
}

TEST_F(ItsCommands, MaptiOfAnEventThatIsThereIsIgnored) {
    i.run({mapti(7, 3, 8200, 1), mapti(7, 3, 8201, 2)});
    EXPECT_EQ(i.taker(7, 3, 8200), 1);
    EXPECT_EQ(i.target(8201), kNone);
}

TEST_F(ItsCommands, LpisEndWhereThePropertyTableDoes) {
    for (unsigned v = 0; v < 3; v++)
        i.m.write(v, Machine::gicr(v, 0x0), 0);
    i.m.write(0, Machine::gicr(0, 0x70), kProperties | 13, 8);
    i.m.write(0, Machine::gicr(0, 0x0), 1);
    i.run({mapti(7, 1, 16383, 0), mapti(7, 2, 16384, 0)});
    EXPECT_TRUE(i.send(7, 1));
    EXPECT_FALSE(i.send(7, 2));
}

TEST_F(ItsCommands, MaptiReadsPropertyAndPendingBit) {
    i.property(8300, 0xa0);
    i.pending_bit(2, 8301, true);
    i.pending_bit(1, 8302, true);
    i.run({mapti(7, 1, 8300, 0), mapti(7, 2, 8301, 2), mapti(7, 3, 8302, 2)});
    EXPECT_TRUE(i.pending(8301));
    EXPECT_TRUE(i.m.callbacks.kicked(2));
    EXPECT_FALSE(i.pending(8302)) << "that is another vCPU's table";
    EXPECT_EQ(i.target(8300), kDisabled);
}

// Taken by the mapping, the bit would be lost: nobody could hold the LPI.
TEST_F(ItsCommands, ThePendingTableOfARedistributorThatTakesNoLpisIsLeftAlone) {
    i.m.write(2, Machine::gicr(2, 0x0), 0);
    i.pending_bit(2, 8301, true);
    i.run({mapti(7, 2, 8301, 2)});
    EXPECT_FALSE(i.pending(8301));
    i.m.write(2, Machine::gicr(2, 0x0), 1);
    EXPECT_TRUE(i.pending(8301));
}

TEST_F(ItsCommands, WithoutItsTableAnLpiStaysDisabled) {
    i.m.write(0, Machine::gicr(0, 0x0), 0), i.m.write(1, Machine::gicr(1, 0x0), 0), i.m.write(2, Machine::gicr(2, 0x0), 0);
    i.m.write(0, Machine::gicr(0, 0x70), 0x1000 | 15, 8);
    i.m.write(0, Machine::gicr(0, 0x78), 0x10000, 8);
    i.m.write(0, Machine::gicr(0, 0x0), 1);
    i.run({mapti(7, 1, 8300, 0)});
    EXPECT_EQ(i.target(8300), kDisabled);
}

TEST_F(ItsCommands, ACollectionMayBeMappedLater) {
    i.run({mapti(7, 1, 8300, 9)});
    EXPECT_FALSE(i.send(7, 1));
    i.run({mapc(9, 2)});
    EXPECT_EQ(i.taker(7, 1, 8300), 2);
    i.run({mapc(9, 1)});
    EXPECT_EQ(i.taker(7, 1, 8300), 1) << "mapped again, to another";
    EXPECT_TRUE(i.send(7, 1));
    i.run({unmapc(9)});
    EXPECT_EQ(i.target(8300), kNone);
    EXPECT_FALSE(i.send(7, 1));
    i.run({unmapc(9), unmapc(1000), mapc(9, 0)});
    EXPECT_EQ(i.taker(7, 1, 8300), 0);
}

TEST_F(ItsCommands, MapcChecksItsNumbers) {
    i.set(kCtlr, 0);
    i.set64(kBaser1, kValid | kCollections | 0);  // 4 KiB: 512 collections
    i.set(kCtlr, 1);
    i.run({mapc(0, 0), mapc(0, 3), mapc(0, 0x10001), mapc(0, 0xffff'ffff), mapc(512, 1), mapc(511, 1)});
    i.run({mapti(7, 0, 8200, 0), mapti(7, 1, 8201, 512), mapti(7, 2, 8202, 511)});
    EXPECT_EQ(i.taker(7, 0, 8200), 0);
    EXPECT_FALSE(i.send(7, 1));
    EXPECT_EQ(i.taker(7, 2, 8202), 1);
}

TEST_F(ItsCommands, MovesAnEvent) {
    i.run({mapti(7, 1, 8300, 0), mapti(7, 2, 8301, 0)});
    EXPECT_TRUE(i.send(7, 1));
    i.m.callbacks.kicks.clear();
    i.run({movi(7, 1, 2)});
    EXPECT_TRUE(i.m.callbacks.kicked(2)) << "what is pending goes along";
    EXPECT_EQ(i.taker(7, 1, 8300), 2);
    EXPECT_EQ(i.taker(7, 2, 8301), 0);
    i.run({movi(7, 1, 100), movi(7, 9, 1), movi(8, 1, 1)});
    EXPECT_EQ(i.taker(7, 1, 8300), 2) << "a collection that is not mapped";
    i.run({unmapc(2), mapc(0, 1)});
    EXPECT_EQ(i.taker(7, 1, 8300), kNone) << "it follows its new collection";
    EXPECT_EQ(i.taker(7, 2, 8301), 1);
}

TEST_F(ItsCommands, MovesAll) {
    i.run({mapti(7, 1, 8300, 0), mapti(7, 2, 8301, 1), mapti(7, 3, 8302, 2), mapti(7, 4, 8303, 50)});
    i.run({movall(0, 9), movall(9, 1), movall(0, 0), movall(0, 1)});
    EXPECT_EQ(i.taker(7, 1, 8300), 1);
    EXPECT_EQ(i.taker(7, 2, 8301), 1);
    EXPECT_EQ(i.taker(7, 3, 8302), 2);
    EXPECT_EQ(i.taker(7, 4, 8303), kNone);
    i.run({movall(1, 2)});
    EXPECT_EQ(i.taker(7, 1, 8300), 2) << "moved twice";
    EXPECT_EQ(i.taker(7, 2, 8301), 2);
}

TEST_F(ItsCommands, MovesAllOfItsOwnOnly) {
    vgic::Its other(*i.m.distributor);
    Machine::ok(other.init());
    for (const auto& [r, v] : {std::pair<u32, u64>{kBaser0, kValid | kDevices}, {kBaser1, kValid | kCollections},
                               {kCbaser, kValid | kQueue}, {kCtlr, 1}})
        other.mmio_write(r, r == kCtlr ? 4 : 8, v);
    const Words commands[] = {mapd(7, kItts, 5), mapc(0, 0), mapti(7, 0, 8400, 0)};
    std::memcpy(i.at(kQueue), commands, sizeof(commands));
    other.mmio_write(kCwriter, 8, sizeof(commands));
    i.rewind();
    i.run({mapti(7, 1, 8300, 0), movall(0, 1)});
    EXPECT_EQ(i.taker(7, 1, 8300), 1);
    EXPECT_EQ(i.target(8400), 0);
    // An LPI of both: with the last user it is gone.
    i.run({mapti(7, 5, 8400, 2), discard(7, 5)});
    EXPECT_NE(i.target(8400), kNone);
    other.reset();
    EXPECT_EQ(i.target(8400), kNone);
}

TEST_F(ItsCommands, InvReadsThePropertyAgain) {
    i.run({mapti(7, 1, 8300, 0), mapti(7, 2, 8301, 0), mapti(7, 3, 8302, 1)});
    for (unsigned lpi : {8300, 8301, 8302})
        i.property(lpi, 0);
    i.run({inv(7, 1), inv(7, 9), inv(8, 1)});
    EXPECT_EQ(i.target(8300), kDisabled);
    EXPECT_EQ(i.target(8301), 0);
    i.run({invall(0), invall(77)});
    EXPECT_EQ(i.target(8301), kDisabled);
    EXPECT_EQ(i.target(8302), 1) << "of another collection";
    i.property(8300, 1);
    EXPECT_TRUE(i.send(7, 1));
    i.m.callbacks.kicks.clear();
    i.run({inv(7, 1)});
    EXPECT_TRUE(i.m.callbacks.kicked(0)) << "enabled while pending";
}

TEST_F(ItsCommands, IntAndClear) {
    i.run({mapti(7, 1, 8300, 1), interrupt(7, 1), interrupt(7, 2), interrupt(8, 1)});
    EXPECT_TRUE(i.pending(8300));
    EXPECT_TRUE(i.m.callbacks.kicked(1));
    i.run({clear(7, 2), clear(8, 1)});
    EXPECT_TRUE(i.pending(8300));
    i.run({clear(7, 1)});
    EXPECT_FALSE(i.pending(8300));
    EXPECT_EQ(i.m.handle(1), FakeCpuInterface::kSpurious);
}

TEST_F(ItsCommands, Discard) {
    i.run({mapti(7, 1, 8300, 1), mapti(7, 2, 8301, 1), interrupt(7, 1), discard(7, 1), discard(7, 3), discard(8, 2)});
    EXPECT_FALSE(i.send(7, 1));
    EXPECT_FALSE(i.pending(8300));
    EXPECT_EQ(i.taker(7, 2, 8301), 1);
    i.run({mapti(7, 1, 8302, 2)});
    EXPECT_EQ(i.taker(7, 1, 8302), 2);
    EXPECT_EQ(i.target(8300), kNone);
}

TEST_F(ItsCommands, AnLpiOfTwoEventsGoesWithTheLast) {
    i.run({mapti(7, 1, 8300, 1), mapti(7, 2, 8300, 1), discard(7, 1)});
    EXPECT_EQ(i.taker(7, 2, 8300), 1);
    i.run({discard(7, 2)});
    EXPECT_EQ(i.target(8300), kNone);
}

TEST_F(ItsCommands, MapdDropsWhatWasThere) {
    i.run({mapti(7, 1, 8300, 1), mapti(7, 31, 8301, 1), mapd(7, kItts + 0x1000, 1)});
    EXPECT_FALSE(i.send(7, 1));
    EXPECT_EQ(i.target(8300), kNone);
    i.run({mapti(7, 1, 8300, 1), mapti(7, 2, 8301, 1)});
    EXPECT_EQ(i.taker(7, 1, 8300), 1);
    EXPECT_FALSE(i.send(7, 2)) << "it has two events now";
    i.run({unmapd(7), mapti(7, 0, 8302, 1), unmapd(7), unmapd(6)});
    EXPECT_FALSE(i.any_mapped());
}

TEST_F(ItsCommands, MapdChecksItsNumbers) {
    i.run({mapd(65536, kItts, 1), mapd(0xffff'ffff, kItts, 1), mapd(65535, kItts, 16), mapd(5, kItts, 17), mapd(5, kItts, 32)});
    i.run({mapti(65535, 65535, 8300, 0), mapti(5, 0, 8301, 0), mapti(65536, 0, 8302, 0), mapti(0xffff'ffff, 0, 8303, 0)});
    EXPECT_EQ(i.taker(65535, 65535, 8300), 0);
    EXPECT_FALSE(i.send(5, 0) || i.send(65536, 0) || i.send(0xffff'ffff, 0));
}

TEST_F(ItsCommands, NoTableIsLargeEnoughForMoreThan16Bits) {
    i.set(kCtlr, 0);
    i.set64(kBaser0, kValid | kDevices | kPages64K | 15);  // 131072 entries
    i.set(kCtlr, 1);
    i.run({mapd(65536, kItts, 1), mapti(65536, 0, 8300, 0), mapd(65535, kItts, 1), mapti(65535, 0, 8301, 0)});
    EXPECT_FALSE(i.send(65536, 0));
    EXPECT_TRUE(i.send(65535, 0));
}

TEST_F(ItsCommands, ATableOf64KPagesHasAllBitsOfAnAddress) {
    i.set(kCtlr, 0);
    i.set64(kBaser0, kValid | kDevices | kPages64K | 0x1000 | 7);  // 2^48 further up
    i.set(kCtlr, 1);
    i.run({mapd(1, kItts, 1), mapti(1, 0, 8300, 0)});
    EXPECT_FALSE(i.send(1, 0));
}

TEST_F(ItsCommands, DevicesEndWithTheirTable) {
    i.set(kCtlr, 0);
    i.set64(kBaser0, kValid | kDevices | 1);  // 8 KiB: 1024 devices
    i.set(kCtlr, 1);
    i.run({mapd(1023, kItts, 1), mapd(1024, kItts, 1), mapti(1023, 0, 8300, 0), mapti(1024, 0, 8301, 0)});
    EXPECT_TRUE(i.send(1023, 0));
    EXPECT_FALSE(i.send(1024, 0));
    i.set(kCtlr, 0);
    i.set64(kBaser0, kValid | (kRam + kRamSize - 0x1000) | 1);  // the second half is nowhere
    i.set(kCtlr, 1);
    i.run({mapd(511, kItts, 1), mapd(512, kItts, 1), mapti(511, 0, 8302, 0), mapti(512, 0, 8303, 0)});
    EXPECT_TRUE(i.send(511, 0));
    EXPECT_FALSE(i.send(512, 0));
}

TEST_F(ItsCommands, OfTwoLevelsBothAreLookedAt) {
    struct Case {
        u64 size;
        u32 per_page;
    };
    for (const Case c : {Case{0, 512}, Case{kPages16K, 2048}, Case{kPages64K, 8192}}) {
        i.its().reset();
        i.rewind();
        i.enable(kDevices | c.size | kIndirect);
        i.set_word(kDevices + 0, kValid | kItts);
        i.set_word(kDevices + 8, kItts + 0x10000);                       // not valid
        i.set_word(kDevices + 16, kValid | (kRam + kRamSize));           // nowhere
        i.set_word(kDevices + 24, kValid | (kRam + kRamSize - 0x10000)); // the last there is
        const u32 n = c.per_page;
        i.run({mapc(0, 0), mapd(0, kItts, 1), mapd(n - 1, kItts, 1), mapd(n, kItts, 1), mapd(2 * n, kItts, 1),
               mapd(3 * n, kItts, 1)});
        for (const u32 id : {0u, n - 1, n, 2 * n, 3 * n})
            i.run({mapti(id, 1, 8300, 0)});
        EXPECT_TRUE(i.send(0, 1) && i.send(n - 1, 1) && i.send(3 * n, 1)) << n;
        EXPECT_FALSE(i.send(n, 1) || i.send(2 * n, 1)) << n;
    }
}

TEST_F(ItsCommands, TakingATableAwayForgetsIt) {
    i.run({mapti(7, 1, 8300, 1)});
    i.set(kCtlr, 0);
    EXPECT_FALSE(i.send(7, 1)) << "off";
    EXPECT_EQ(i.target(8300), 1) << "but there";
    i.set(kCtlr, 1);
    EXPECT_EQ(i.taker(7, 1, 8300), 1);
    i.set(kCtlr, 0);
    i.set64(kBaser1, 0);
    EXPECT_EQ(i.target(8300), kNone);
    i.set64(kBaser1, kValid | kCollections | kPages64K);
    i.set(kCtlr, 1);
    i.run({mapc(1, 2)});
    EXPECT_EQ(i.taker(7, 1, 8300), 2) << "the event names it still";
    i.set(kCtlr, 0);
    i.set64(kBaser0, 0);
    EXPECT_EQ(i.target(8300), kNone);
}

TEST_F(ItsCommands, NonsenseIsSkipped) {
    i.run({{{0, 0, 0, 0}}, {{0xff, ~u64{0}, ~u64{0}, ~u64{0}}}, {{2, 0, 0, 0}}, {{~u64{0}, ~u64{0}, ~u64{0}, ~u64{0}}},
           synchronize(), mapti(7, 0, 8300, 0)});
    EXPECT_EQ(i.taker(7, 0, 8300), 0);
}

TEST_F(ItsCommands, NobodyTakesWhatARedistributorDoesNotWant) {
    i.run({mapti(7, 0, 8300, 1)});
    i.m.write(1, Machine::gicr(1, 0x0), 0);
    EXPECT_FALSE(i.send(7, 0));
}

}  // namespace
}  // namespace nest::test
