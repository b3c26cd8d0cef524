// SPDX-License-Identifier: GPL-2.0-only
// The command queue as a ring in memory, bounded work, and what happens without memory.
#include <gtest/gtest.h>
#include <tests/unit/vgic/its/its_machine.hpp>

namespace nest::test {
namespace {

// A device and a collection that are mapped, and so many MAPTI commands that are not yet told of.
void queue_events(ItsMachine& i, unsigned count) {
    i.enable();
    i.run({mapc(0, 1), mapd(1, kItts, 16)});
    for (unsigned n = 0; n < count; n++)
        i.put({mapti(1, n, 8192 + n, 0)});
}

TEST(ItsQueue, Wraps) {
    ItsMachine i;
    i.enable(kDevices | kPages64K | 7, 1);
    i.run({mapc(0, 0), mapd(1, kItts, 8)});
    for (unsigned n = 0; n < 1000; n++)
        i.run({mapti(1, n % 256, 8192 + n % 256, 0), interrupt(1, n % 256), discard(1, n % 256)});
    EXPECT_FALSE(i.any_mapped());
    i.run({mapti(1, 5, 8200, 0)});
    EXPECT_TRUE(i.send(1, 5));
    EXPECT_EQ(i.get(kCreadr), 32u * (3003 % 128));
}

TEST(ItsQueue, WorksWhenEnabled) {
    ItsMachine i;
    i.set64(kBaser0, kValid | kDevices);
    i.set64(kBaser1, kValid | kCollections);
    i.set64(kCbaser, kValid | kQueue);
    i.put({mapc(0, 1), mapd(1, kItts, 8), mapti(1, 0, 8192, 0)});
    EXPECT_TRUE(i.tell());
    EXPECT_EQ(i.get(kCreadr), 0u);
    i.set(kCtlr, 1);
    EXPECT_EQ(i.get(kCreadr), 96u);
    EXPECT_EQ(i.taker(1, 0, 8192), 1);
    EXPECT_EQ(i.get32(kCtlr), 1u | u64{1} << 31);
}

TEST(ItsQueue, AsManyCommandsAtATime) {
    ItsMachine i;
    queue_events(i, 1200);
    const u64 start = i.get(kCreadr);
    EXPECT_FALSE(i.tell());
    EXPECT_EQ(i.get(kCreadr), start + 512 * 32);
    EXPECT_EQ(i.get32(kCtlr), 1u) << "not quiescent";
    EXPECT_TRUE(i.send(1, 511));
    EXPECT_FALSE(i.send(1, 512));
    EXPECT_FALSE(i.tell());
    EXPECT_TRUE(i.send(1, 1023));
    EXPECT_FALSE(i.send(1, 1024));
    EXPECT_TRUE(i.tell());
    EXPECT_TRUE(i.send(1, 1199));
    EXPECT_EQ(i.get(kCreadr), i.get(kCwriter));
}

// A dirty ring that is nearly full: the VMM is to collect it before the store is executed again.
TEST(ItsQueue, WaitsForRoomInTheDirtyLog) {
    ItsMachine i;
    queue_events(i, 20);
    i.m.callbacks.log_has_room = false;
    EXPECT_FALSE(i.tell());
    EXPECT_TRUE(i.send(1, 15));
    EXPECT_FALSE(i.send(1, 16));
    i.m.callbacks.log_has_room = true;
    EXPECT_TRUE(i.tell());
    EXPECT_TRUE(i.send(1, 19));
}

TEST(ItsQueue, GoesOnWhereItWasSwitchedOff) {
    ItsMachine i;
    queue_events(i, 600);
    EXPECT_FALSE(i.tell());
    i.set(kCtlr, 0);
    EXPECT_EQ(i.get32(kCtlr), u64{1} << 31);
    EXPECT_TRUE(i.tell()) << "off: nothing to do";
    EXPECT_NE(i.get(kCreadr), i.get(kCwriter));
    EXPECT_TRUE(i.set(kCtlr, 1));
    EXPECT_TRUE(i.send(1, 599));
}

TEST(ItsQueue, ALongCommandIsTheLastForNow) {
    ItsMachine i;
    i.enable();
    i.run({mapc(0, 1), mapd(1, kItts, 16)});
    i.rewind();
    for (unsigned batch = 0; batch < 20; batch++)
        for (unsigned n = 0; n < 500; n++)
            i.run({mapti(1, batch * 500 + n, 8192 + n, 0)});
    unsigned relaxed = 0;
    port().on_relax = [&] {
        relaxed++;
        EXPECT_FALSE(thread_context().atomic());
    };
    for (const Words& command : {invall(0), movall(1, 2), mapc(0, 2), unmapc(0), unmapd(1)}) {
        relaxed = 0;
        i.put({command, synchronize()});
        EXPECT_FALSE(i.tell());
        EXPECT_GE(relaxed, 10000u / 64);
        EXPECT_TRUE(i.tell());
    }
    port().on_relax = nullptr;
    EXPECT_FALSE(i.any_mapped());
}

TEST(ItsQueue, CommandsThatAreNowhereAreSkipped) {
    ItsMachine i;
    i.enable();
    i.set(kCtlr, 0);
    i.set64(kCbaser, kValid | (kRam + kRamSize - 0x1000) | 1);  // the second page is nowhere
    i.set(kCtlr, 1);
    const Words commands[] = {mapc(0, 1), mapd(1, kItts, 16), mapti(1, 0, 8192, 0)};
    std::memcpy(i.at(kRam + kRamSize - sizeof(commands)), commands, sizeof(commands));
    EXPECT_TRUE(i.set64(kCwriter, 0x1fe0));
    EXPECT_EQ(i.get(kCreadr), 0x1fe0u);
    EXPECT_EQ(i.taker(1, 0, 8192), 1);
}

TEST(ItsQueue, AtMostSoManyEvents) {
    ItsMachine i;
    i.enable();
    i.run({mapc(0, 1), mapd(1, kItts, 16), mapd(2, kItts + 0x80000, 16)});
    for (unsigned n = 0; n < 65535; n++)
        i.run({mapti(1, n, 8192 + n % 1000, 0)});
    i.run({mapti(2, 0, 9500, 0), mapti(2, 1, 9501, 0)});
    EXPECT_TRUE(i.send(2, 0));
    EXPECT_FALSE(i.send(2, 1));
    i.run({discard(2, 0), mapti(2, 1, 9501, 0)});
    EXPECT_TRUE(i.send(2, 1));
    i.run({unmapd(1), unmapd(2)});
    EXPECT_FALSE(i.any_mapped());
}

// Whichever allocation fails, the command is skipped as a whole, and what comes later works.
TEST(ItsQueue, WithoutMemory) {
    const size_t before = port().live_objects;
    for (unsigned fails = 1; fails < 12; fails++) {
        ItsMachine i;
        i.enable();
        i.put({mapc(0x100, 1), mapd(0x300, kItts, 8), mapti(0x300, 3, 9000, 0x200), mapti(0x300, 4, 9001, 0x100)});
        port().fail_allocation = fails;
        EXPECT_TRUE(i.tell());
        port().fail_allocation = 0;
        const bool there[] = {i.send(0x300, 4), i.target(9001) != ItsMachine::kNone};
        EXPECT_EQ(there[0], there[1]) << fails;
        i.run({mapc(0x100, 1), mapc(0x200, 2), mapd(0x300, kItts, 8), mapti(0x300, 3, 9000, 0x200),
               mapti(0x300, 4, 9001, 0x100)});
        EXPECT_EQ(i.taker(0x300, 3, 9000), 2) << fails;
        EXPECT_EQ(i.taker(0x300, 4, 9001), 1) << fails;
        i.run({unmapd(0x300)});
        EXPECT_FALSE(i.any_mapped()) << fails;
        i.remove();
    }
    EXPECT_EQ(port().live_objects, before);
}

TEST(ItsQueue, TheEndOfAnItsIsTheEndOfItsEvents) {
    const size_t before = port().live_objects;
    {
        ItsMachine i;
        const size_t without = port().live_objects;
        i.enable();
        i.run({mapc(0, 1), mapd(1, kItts, 8), mapti(1, 3, 9000, 0), mapti(1, 4, 9001, 0)});
        i.remove();
        EXPECT_EQ(i.target(9000), ItsMachine::kNone);
        EXPECT_EQ(i.target(9001), ItsMachine::kNone);
        EXPECT_LE(port().live_objects, without) << "but for the LPIs' bank";
    }
    EXPECT_EQ(port().live_objects, before);
}

}  // namespace
}  // namespace nest::test
