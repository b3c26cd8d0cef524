// SPDX-License-Identifier: GPL-2.0-only
// Saving into the guest's tables, and restoring from them into another VM.
#include <gtest/gtest.h>
#include <tests/unit/vgic/its/its_machine.hpp>

namespace nest::test {
namespace {

constexpr int kNone = ItsMachine::kNone;

u64 device_entry(u64 next, u64 itt, u64 bits) { return kValid | next << 49 | itt >> 8 << 5 | (bits - 1); }
u64 event_entry(u64 next, u64 lpi, u64 collection) { return next << 48 | lpi << 16 | collection; }
u64 collection_entry(u64 processor, u64 collection) { return kValid | processor << 16 | collection; }

// What a VMM does: registers as the one says into the other, CTLR last.
void copy_registers(ItsMachine& from, ItsMachine& to) {
    for (const u32 r : {kBaser0, kBaser1, kCbaser, kCreadr, kCwriter, kIidr}) {
        u64 value;
        Machine::ok(from.its().user_read(r, value));
        Machine::ok(to.its().user_write(r, value));
    }
}
void migrate(ItsMachine& from, ItsMachine& to) {
    Machine::ok(from.its().save_tables());
    to.m.callbacks.ram = from.m.callbacks.ram;
    copy_registers(from, to);
    Machine::ok(to.its().restore_tables());
    u64 control;
    Machine::ok(from.its().user_read(kCtlr, control));
    Machine::ok(to.its().user_write(kCtlr, control));
}

struct ItsTables : testing::Test {
    ItsTables() { i.enable(); }
    void tables_are_wrong(Errno error) {
        EXPECT_EQ(i.its().restore_tables().error(), error);
        EXPECT_EQ(i.get32(kCtlr), u64{1} << 31);
        EXPECT_EQ(i.get(kBaser0) >> 63, 0u);
        EXPECT_EQ(i.get(kCbaser), 0u);
        EXPECT_FALSE(i.any_mapped());
        i.rewind();
        i.enable();
    }
    ItsMachine i, other;
};

TEST_F(ItsTables, AreLaidOutAsLinuxSays) {
    i.run({mapc(3, 2), mapc(0, 1), mapd(0x10, kItts, 5), mapd(0x7000, kItts + 0x100, 1), mapti(0x10, 31, 8193, 3),
           mapti(0x10, 2, 8192, 0), mapti(0x10, 7, 65535, 0x200), mapti(0x7000, 0, 9000, 0)});
    ASSERT_TRUE(i.its().save_tables().ok());
    EXPECT_EQ(i.word(kDevices + 8 * 0x10), device_entry(0x3fff, kItts, 5));
    EXPECT_EQ(i.word(kDevices + 8 * 0x7000), device_entry(0, kItts + 0x100, 1));
    EXPECT_EQ(i.word(kItts + 8 * 2), event_entry(5, 8192, 0));
    EXPECT_EQ(i.word(kItts + 8 * 7), event_entry(24, 65535, 0x200));
    EXPECT_EQ(i.word(kItts + 8 * 31), event_entry(0, 8193, 3));
    EXPECT_EQ(i.word(kItts + 0x100), event_entry(0, 9000, 0));
    EXPECT_EQ(i.word(kCollections), collection_entry(1, 0));
    EXPECT_EQ(i.word(kCollections + 8), collection_entry(2, 3));
    EXPECT_EQ(i.word(kCollections + 16), collection_entry(0xffff'ffff, 0x200));
    EXPECT_EQ(i.word(kCollections + 24), 0u);
    EXPECT_EQ(i.taker(0x10, 31, 8193), 2) << "saving changes nothing";
    i.run({discard(0x10, 7), unmapd(0x7000)});
    EXPECT_EQ(i.target(65535), kNone);
}

TEST_F(ItsTables, BringEverythingBack) {
    i.run({mapc(3, 2), mapc(0, 1), mapd(0x10, kItts, 5), mapd(0x7000, kItts + 0x100, 1), mapd(0xffff, kItts + 0x1000, 16),
           mapd(5, kItts + 0x200, 3), mapti(0x10, 31, 8193, 3), mapti(0x10, 2, 8192, 0), mapti(0x10, 7, 65535, 0x200),
           mapti(0x7000, 0, 9000, 0), mapti(0xffff, 65535, 9001, 3), mapti(0xffff, 0, 9001, 3), mapti(0xffff, 500, 9002, 3)});
    i.pending_bit(1, 8192, true);
    i.property(9002, 0);
    migrate(i, other);
    EXPECT_EQ(other.get32(kCtlr), i.get32(kCtlr));
    EXPECT_TRUE(other.pending(8192));
    EXPECT_FALSE(other.pending(9000));
    EXPECT_EQ(other.taker(0x10, 31, 8193), 2);
    EXPECT_EQ(other.taker(0x10, 2, 8192), 1);
    EXPECT_EQ(other.taker(0x10, 7, 65535), kNone);
    EXPECT_EQ(other.taker(0x7000, 0, 9000), 1);
    EXPECT_EQ(other.taker(0xffff, 65535, 9001), 2);
    EXPECT_EQ(other.taker(0xffff, 0, 9001), 2);
    EXPECT_EQ(other.taker(0xffff, 500, 9002), ItsMachine::kDisabled);
    EXPECT_FALSE(other.send(0x10, 3) || other.send(5, 0) || other.send(0, 0));
    // It goes on as the first would have.
    other.run({mapc(0x200, 0), mapti(5, 7, 8300, 0x200), discard(0xffff, 0), movi(0x10, 2, 3)});
    EXPECT_EQ(other.taker(0x10, 7, 65535), 0);
    EXPECT_EQ(other.taker(5, 7, 8300), 0);
    EXPECT_EQ(other.taker(0x10, 2, 8192), 2);
    EXPECT_EQ(other.taker(0xffff, 65535, 9001), 2);
    other.run({unmapd(5), unmapd(0x10), unmapd(0x7000), unmapd(0xffff)});
    EXPECT_FALSE(other.any_mapped());
}

TEST_F(ItsTables, ThatAreSavedAgainAreTheSame) {
    i.run({mapc(0, 1), mapd(1, kItts, 5), mapd(0x200, kItts + 0x100, 5)});
    for (const u64 event : {17, 3, 30, 4, 11, 0, 8})
        i.run({mapti(1, event, 9000 + event, event % 3), mapti(0x200, 31 - event, 9000 + event, 0)});
    migrate(i, other);
    const std::vector<u8> once = other.m.callbacks.ram;
    Machine::ok(other.its().save_tables());
    EXPECT_TRUE(once == other.m.callbacks.ram);
}

TEST_F(ItsTables, OfTwoLevels) {
    for (const u64 size : {u64{0}, kPages16K, kPages64K}) {
        const u32 n = size == 0 ? 512 : size == kPages16K ? 2048 : 8192;
        i.its().reset();
        i.rewind();
        std::fill(i.m.callbacks.ram.begin() + 0x10'0000, i.m.callbacks.ram.end(), u8{0});
        i.enable(kDevices | size | kIndirect);
        i.set_word(kDevices + 8 * 1, kValid | (kRam + 0x60'0000));
        i.set_word(kDevices + 8 * 3, kValid | (kRam + 0x61'0000));
        i.set_word(kDevices + 8 * 4, kValid | (kRam + 0x62'0000));
        i.run({mapc(0, 1), mapd(n + 5, kItts, 1), mapd(2 * n - 1, kItts + 0x100, 1), mapd(4 * n - 1, kItts + 0x200, 1),
               mapti(n + 5, 0, 9000, 0), mapti(2 * n - 1, 1, 9001, 0), mapti(4 * n - 1, 1, 9002, 0)});
        ItsMachine to;
        migrate(i, to);
        EXPECT_EQ(to.word(kRam + 0x60'0000 + 8 * 5), device_entry(n - 6, kItts, 1));
        EXPECT_EQ(to.word(kRam + 0x61'0000 + 8 * (n - 1)), device_entry(0, kItts + 0x200, 1));
        EXPECT_EQ(to.taker(n + 5, 0, 9000), 1);
        EXPECT_EQ(to.taker(2 * n - 1, 1, 9001), 1);
        EXPECT_EQ(to.taker(4 * n - 1, 1, 9002), 1);
    }
}

// A snapshot, and the guest goes on: what it unmaps then must not come back from a later one.
TEST_F(ItsTables, ForgetWhatIsUnmappedAfterASave) {
    i.run({mapc(0, 1), mapd(1, kItts, 5), mapd(2, kItts + 0x100, 5), mapti(1, 0, 9000, 0), mapti(1, 4, 9001, 0),
           mapti(2, 0, 9002, 0)});
    const std::vector<u8> before = i.m.callbacks.ram;
    i.run({discard(1, 4), mapti(1, 4, 9001, 0)});
    EXPECT_TRUE(std::equal(before.begin() + 0x40'0000, before.end(), i.m.callbacks.ram.begin() + 0x40'0000))
        << "without a save nothing is written";
    Machine::ok(i.its().save_tables());
    i.run({discard(1, 0), unmapd(2), unmapd(3), discard(2, 0)});
    migrate(i, other);
    EXPECT_FALSE(other.send(1, 0) || other.send(2, 0));
    EXPECT_EQ(other.taker(1, 4, 9001), 1);
    other.run({discard(1, 4), unmapd(1)});
    ItsMachine third;
    migrate(other, third);
    EXPECT_FALSE(third.any_mapped());
}

TEST_F(ItsTables, InTheMiddleOfTheQueue) {
    i.run({mapc(0, 1), mapd(1, kItts, 16)});
    for (unsigned n = 0; n < 600; n++)
        i.put({mapti(1, n, 8192 + n, 0)});
    EXPECT_FALSE(i.tell());
    Machine::ok(i.its().save_tables());
    other.m.callbacks.ram = i.m.callbacks.ram;
    copy_registers(i, other);
    Machine::ok(other.its().restore_tables());
    EXPECT_EQ(other.get(kCreadr), i.get(kCreadr));
    other.set_word(kQueue, mapti(1, 1000, 9999, 0).w[0]);  // what is behind us is not looked at
    Machine::ok(other.its().user_write(kCtlr, 1));
    EXPECT_EQ(other.get(kCreadr), other.get(kCwriter));
    EXPECT_TRUE(other.send(1, 0) && other.send(1, 599));
    EXPECT_FALSE(other.send(1, 600) || other.send(1, 1000));
    const u64 done = other.get(kCreadr);
    Machine::ok(other.its().user_write(kCtlr, 1));
    EXPECT_EQ(other.get(kCreadr), done);
}

TEST_F(ItsTables, NoPlaceToSave) {
    i.run({mapc(0, 1), mapd(1, kRam + kRamSize - 0x100, 6), mapti(1, 31, 9000, 0)});
    EXPECT_TRUE(i.its().save_tables().ok()) << "the entries that matter are there";
    i.run({mapti(1, 32, 9001, 0)});
    EXPECT_EQ(i.its().save_tables().error(), Errno::kFault);
    i.run({discard(1, 32)});
    i.set(kCtlr, 0);
    i.set64(kBaser1, kValid | (kRam + kRamSize));
    EXPECT_EQ(i.its().save_tables().error(), Errno::kFault);
    i.set64(kBaser1, kValid | kCollections);
    i.set(kCtlr, 1);
    i.run({mapti(1, 3, 9003, 0)});
    i.set(kCtlr, 0);
    i.set64(kBaser1, 0);
    EXPECT_TRUE(i.its().save_tables().ok());
    EXPECT_TRUE(i.its().restore_tables().ok()) << "no list of collections, so any will do";
    EXPECT_EQ(i.target(9003), kNone);
    EXPECT_NE(i.get(kBaser0) >> 63, 0u);
}

TEST_F(ItsTables, AnotherTableDropsWhatThisOneDescribed) {
    i.run({mapc(3, 2), mapd(0x10, kItts, 5), mapti(0x10, 2, 8200, 3)});
    const u64 devices = i.get(kBaser0), collections = i.get(kBaser1);
    i.set(kCtlr, 0);
    i.set64(kBaser0, devices);
    i.set64(kBaser1, collections);
    EXPECT_EQ(i.target(8200), 2) << "a driver that resumes writes what is there";
    i.set64(kBaser1, collections & ~u64{0xff});
    EXPECT_EQ(i.target(8200), kNone);
    i.set64(kBaser0, devices | kIndirect);
    i.set(kCtlr, 1);
    i.run({mapc(3, 2)});
    EXPECT_FALSE(i.send(0x10, 2));
}

TEST_F(ItsTables, ACollectionOutsideOfTheTable) {
    i.run({mapc(600, 1), mapc(3, 1), mapd(1, kItts, 5), mapti(1, 0, 9000, 600), mapti(1, 5, 9001, 3), mapti(1, 6, 9002, 600)});
    ASSERT_TRUE(i.its().save_tables().ok());
    i.set(kCtlr, 0);
    i.set64(kBaser1, kValid | kCollections);    // 512 collections
    ASSERT_TRUE(i.its().save_tables().ok());
    EXPECT_EQ(i.word(kCollections), collection_entry(0xffff'ffff, 3));
    EXPECT_EQ(i.word(kCollections + 8), 0u);
    EXPECT_EQ(i.word(kItts), 0u);
    EXPECT_EQ(i.word(kItts + 8 * 5), event_entry(0, 9001, 3));
    EXPECT_TRUE(i.its().restore_tables().ok());
}

// The guest has taken a page of its device table away, or all, and the ITS has not been told.
TEST_F(ItsTables, DevicesWithoutAnEntryAreLeftOut) {
    constexpr u64 kPage = kItts + 0x2000;
    i.set(kCtlr, 0);
    i.set64(kBaser0, kValid | kIndirect | kDevices);
    for (unsigned n = 0; n < 3; n++)
        i.set_word(kDevices + 8 * n, kValid | (kPage + n * 0x1000));
    i.set(kCtlr, 1);
    i.run({mapc(0, 1)});
    for (unsigned n = 0; n < 3; n++)
        i.run({mapd(512 * n, kItts + n * 0x100, 5), mapti(512 * n, 3, 9000 + n, 0)});
    i.set_word(kDevices + 8, 0);
    ASSERT_TRUE(i.its().save_tables().ok());
    EXPECT_EQ(i.word(kPage), device_entry(1024, kItts, 5)) << "on to the third";
    EXPECT_EQ(i.word(kPage + 0x1000), 0u);
    EXPECT_EQ(i.word(kItts + 0x100 + 8 * 3), 0u);
    EXPECT_EQ(i.word(kPage + 0x2000), device_entry(0, kItts + 0x200, 5));
    EXPECT_TRUE(i.its().restore_tables().ok());
    EXPECT_EQ(i.taker(1024, 3, 9002), 1);
    EXPECT_EQ(i.target(9001), kNone);
    i.set_word(kDevices, 0);
    i.set_word(kDevices + 16, kValid | (kRam + kRamSize));
    EXPECT_TRUE(i.its().save_tables().ok()) << "none has one";
}

TEST_F(ItsTables, AFullTableOfCollectionsHasNoEnd) {
    i.set(kCtlr, 0);
    i.set64(kBaser1, kValid | kCollections);
    i.set(kCtlr, 1);
    i.set_word(kCollections + 0x1000, 0x1234);
    for (unsigned c = 0; c < 512; c++)
        i.run({mapc(c, c % 3)});
    i.run({mapd(1, kItts, 5), mapti(1, 1, 9000, 511)});
    migrate(i, other);
    EXPECT_EQ(other.word(kCollections + 0x1000), 0x1234u);
    EXPECT_EQ(other.taker(1, 1, 9000), 511 % 3);
}

TEST_F(ItsTables, RestoringForgetsWhatThereWas) {
    i.run({mapc(0, 1), mapd(1, kItts, 5), mapti(1, 0, 9000, 0)});
    EXPECT_TRUE(i.its().restore_tables().ok());
    EXPECT_FALSE(i.any_mapped());
    EXPECT_FALSE(i.send(1, 0));
}

TEST_F(ItsTables, WrongCollections) {
    for (const u64 wrong : {collection_entry(3, 0), collection_entry(0x1'0000'0000, 0), collection_entry(1, 0) | u64{1} << 52,
                            collection_entry(1, 0) | u64{1} << 62}) {
        i.set_word(kCollections, wrong);
        tables_are_wrong(Errno::kInval);
    }
    i.set_word(kCollections, collection_entry(1, 5));
    i.set_word(kCollections + 8, collection_entry(2, 5));
    tables_are_wrong(Errno::kInval);
    i.set_word(kCollections, 0);
    EXPECT_TRUE(i.its().restore_tables().ok()) << "the list ends before it is wrong";
    i.set(kCtlr, 0);
    i.set64(kBaser1, kValid | (kRam + kRamSize));
    tables_are_wrong(Errno::kFault);
}

TEST_F(ItsTables, WrongDevices) {
    i.set_word(kDevices, device_entry(0, kItts, 17));
    tables_are_wrong(Errno::kInval);
    i.set_word(kDevices + 0, device_entry(0, kRam + kRamSize, 1));
    tables_are_wrong(Errno::kFault);
    i.set_word(kDevices, 0);
    i.set_word(kDevices + 8 * 65535, device_entry(1, kItts, 1));
    tables_are_wrong(Errno::kInval);
    i.set_word(kDevices + 8 * 65535, device_entry(0, kItts, 1));
    EXPECT_TRUE(i.its().restore_tables().ok());
    i.set(kCtlr, 0);
    i.set64(kBaser0, kValid | (kRam + kRamSize));
    tables_are_wrong(Errno::kFault);
    i.set(kCtlr, 0);
    i.set_word(kDevices, kValid | (kRam + kRamSize));
    i.set64(kBaser0, kValid | kIndirect | kDevices);
    tables_are_wrong(Errno::kFault);
}

TEST_F(ItsTables, WrongEvents) {
    i.set_word(kCollections, collection_entry(1, 0));
    i.set_word(kDevices, device_entry(0, kItts, 2));
    for (const u64 wrong : {event_entry(0, 8191, 0), event_entry(0, 65536, 0), event_entry(0, 0xffff'ffff, 0),
                            event_entry(0, 1, 0), event_entry(0, 9000, 1), event_entry(0, 9000, 0xffff),
                            event_entry(3, 9000, 0), event_entry(0xffff, 9000, 0)}) {
        i.set_word(kItts + 8, wrong);
        tables_are_wrong(Errno::kInval);
    }
    i.set_word(kItts + 8, event_entry(2, 9000, 0));
    EXPECT_TRUE(i.its().restore_tables().ok());
    EXPECT_EQ(i.target(9000), 1);
    i.set_word(kItts + 24, event_entry(0, 5, 0));
    tables_are_wrong(Errno::kInval);
}

// Two devices with one table, and one inside of the other: LPIs with two events.
TEST_F(ItsTables, OverlappingTables) {
    i.set_word(kCollections, collection_entry(1, 0));
    i.set_word(kDevices, device_entry(1, kItts, 6));
    i.set_word(kDevices + 8, device_entry(1, kItts, 6));
    i.set_word(kDevices + 16, device_entry(0, kItts + 0x100, 5));
    i.set_word(kItts, event_entry(32, 9000, 0));
    i.set_word(kItts + 8 * 32, event_entry(0, 9001, 0));
    EXPECT_TRUE(i.its().restore_tables().ok());
    EXPECT_EQ(i.taker(0, 32, 9001), 1);
    EXPECT_EQ(i.taker(1, 32, 9001), 1);
    EXPECT_EQ(i.taker(2, 0, 9001), 1);
    i.run({unmapd(0), unmapd(1)});
    EXPECT_EQ(i.target(9000), kNone);
    EXPECT_EQ(i.taker(2, 0, 9001), 1);
}

TEST_F(ItsTables, MoreEventsThanThereMayBe) {
    for (unsigned n = 0; n < 65536; n++)
        i.set_word(kItts + 8 * n, event_entry(n == 65535 ? 0 : 1, 9000, 0));
    i.set_word(kCollections, collection_entry(1, 0));
    i.set_word(kDevices, device_entry(0, kItts, 16));
    EXPECT_TRUE(i.its().restore_tables().ok());
    i.set_word(kDevices, device_entry(1, kItts, 16));
    i.set_word(kDevices + 8, device_entry(0, kItts, 1));
    tables_are_wrong(Errno::kInval);
}

// A VMM that is killed in the middle of tables that go on and on: 65,536 devices may name one table of 65,536 events.
TEST_F(ItsTables, EndWithTheVmm) {
    i.run({mapc(0, 1), mapd(0x10, kItts, 8)});
    for (unsigned n = 0; n < 200; n++)
        i.run({mapti(0x10, n, 9000 + n, 0)});
    Machine::ok(i.its().save_tables());
    port().killed = true;
    EXPECT_EQ(i.its().save_tables().error(), Errno::kIntr);
    EXPECT_EQ(save_pending_tables(*i.m.distributor).error(), Errno::kIntr);
    EXPECT_EQ(i.target(9199), 1) << "saving changes nothing";
    tables_are_wrong(Errno::kIntr);
    port().killed = false;
    EXPECT_TRUE(i.its().restore_tables().ok());
    EXPECT_EQ(i.target(9199), 1);
}

TEST_F(ItsTables, RestoringWithoutMemory) {
    i.run({mapc(0x100, 1), mapd(0x300, kItts, 8), mapti(0x300, 3, 9000, 0x100), mapti(0x300, 4, 9001, 0x100)});
    Machine::ok(i.its().save_tables());
    i.its().reset();
    unsigned failed = 0;
    for (unsigned fails = 1; fails < 20; fails++) {
        ItsMachine to;
        to.m.callbacks.ram = i.m.callbacks.ram;
        to.enable();
        port().fail_allocation = fails;
        const Status status = to.its().restore_tables();
        port().fail_allocation = 0;
        EXPECT_TRUE(status.ok() || status.error() == Errno::kNoMem);
        EXPECT_EQ(to.target(9001) != kNone, status.ok()) << fails;
        failed += !status.ok();
    }
    EXPECT_GE(failed, 5u);
}

}  // namespace
}  // namespace nest::test
