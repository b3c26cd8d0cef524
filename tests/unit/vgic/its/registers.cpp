// SPDX-License-Identifier: GPL-2.0-only
// The ITS's registers, by the guest and by user space.
#include <gtest/gtest.h>
#include <tests/unit/vgic/its/its_machine.hpp>

namespace nest::test {
namespace {

using Written = vgic::Its::Written;

TEST(ItsRegisters, Identification) {
    ItsMachine i;
    EXPECT_EQ(i.get32(kCtlr), u64{1} << 31);
    EXPECT_EQ(i.get32(kIidr), 0x4b00043bu);
    EXPECT_EQ(i.get(kTyper), 1u | 7u << 4 | 15u << 8 | 15u << 13);
    EXPECT_EQ(i.get32(kTyper), 1u | 7u << 4 | 15u << 8 | 15u << 13);
    EXPECT_EQ(i.get32(kTyper + 4), 0u);
    EXPECT_EQ(i.get32(0xffe8), 0x3bu);
    EXPECT_EQ(i.get32(0xffd0), 0u);
    EXPECT_EQ(i.get32(0xfffc), 0u);
}

TEST(ItsRegisters, WidthsAndPlacesThatAreNone) {
    ItsMachine i;
    EXPECT_EQ(i.get(kCtlr, 8), 0u);
    EXPECT_EQ(i.get(kTyper, 2), 0u);
    EXPECT_EQ(i.get(kTyper, 1), 0u);
    EXPECT_EQ(i.get(kTyper + 2, 4), 0u);
    EXPECT_EQ(i.get(kTyper + 4, 8), 0u);
    EXPECT_EQ(i.get(0xffe8, 8), 0u);
    for (const u32 offset : {0x10u, 0x78u, 0x98u, 0x110u, 0x138u, 0x140u, 0xc000u, 0x10000u, 0x10040u, 0x1fff8u}) {
        EXPECT_TRUE(i.set(offset, ~u64{0}, 8)) << offset;
        EXPECT_TRUE(i.set(offset, ~u64{0}, 4)) << offset;
        EXPECT_EQ(i.get(offset), 0u) << offset;
    }
    i.set(kBaser0 + 4, 0x80000000, 2);
    EXPECT_EQ(i.get(kBaser0) >> 63, 0u);
}

TEST(ItsRegisters, NothingBeforeInit) {
    ItsMachine i;
    vgic::Its its(*i.m.distributor);
    EXPECT_EQ(its.mmio_read(kTyper, 8), 0u);
    EXPECT_EQ(its.mmio_write(kCbaser, 8, ~u64{0}), Written::kDone);
    EXPECT_EQ(its.send(0, 0), vgic::Its::Delivery::kLost);
    u64 value;
    EXPECT_EQ(its.user_read(kTyper, value).error(), Errno::kNxIo);
    EXPECT_EQ(its.user_write(kCtlr, 1).error(), Errno::kNxIo);
    EXPECT_EQ(its.save_tables().error(), Errno::kNxIo);
    EXPECT_EQ(its.restore_tables().error(), Errno::kNxIo);
    its.reset();
    EXPECT_FALSE(its.initialized());
}

TEST(ItsRegisters, Base) {
    ItsMachine i;
    vgic::Its its(*i.m.distributor);
    EXPECT_EQ(its.base(), ~u64{0});
    EXPECT_EQ(its.set_base(0x1000, kIpaLimit).error(), Errno::kInval);
    EXPECT_EQ(its.set_base(kIpaLimit - 0x10000, kIpaLimit).error(), Errno::k2Big);
    EXPECT_EQ(its.set_base(kIpaLimit, kIpaLimit).error(), Errno::k2Big);
    EXPECT_TRUE(its.set_base(kIpaLimit - 0x20000, kIpaLimit).ok());
    EXPECT_EQ(its.base(), kIpaLimit - 0x20000);
    EXPECT_EQ(its.set_base(0x10000, kIpaLimit).error(), Errno::kExist);
}

TEST(ItsRegisters, InitTakesMemoryOnce) {
    ItsMachine i;
    vgic::Its its(*i.m.distributor);
    const size_t before = port().live_objects;
    port().fail_allocation = 1;
    EXPECT_EQ(its.init().error(), Errno::kNoMem);
    EXPECT_FALSE(its.initialized());
    EXPECT_EQ(port().live_objects, before);
    EXPECT_TRUE(its.init().ok());
    EXPECT_TRUE(its.initialized());
    port().fail_allocation = 1;
    EXPECT_TRUE(its.init().ok());
    port().fail_allocation = 0;
}

TEST(ItsRegisters, TablesKeepOnlyWhatThereIs) {
    ItsMachine i;
    i.set64(kBaser0, ~u64{0});
    // Valid, Indirect, inner 7, type 1, outer same as inner, entries of 8 bytes, address, shareability 3, 64 KiB, 256 pages.
    EXPECT_EQ(i.get(kBaser0), 0xf907'ffff'ffff'feffu);
    i.set64(kBaser1, ~u64{0});
    EXPECT_EQ(i.get(kBaser1), 0xbc07'ffff'ffff'feffu);
    i.set64(kBaser0, kPages16K | 0xf000);
    EXPECT_EQ(i.get(kBaser0), u64{3} << 59 | u64{1} << 56 | u64{7} << 48 | kPages16K | 0xc000);
    i.set64(kBaser0, 0xf000 | 2u << 10);
    EXPECT_EQ(i.get(kBaser0), u64{3} << 59 | u64{1} << 56 | u64{7} << 48 | 0xf000 | 1u << 10);
    i.set64(kCbaser, ~u64{0});
    EXPECT_EQ(i.get(kCbaser), 0xb80f'ffff'ffff'fcffu);
}

TEST(ItsRegisters, Halves) {
    ItsMachine i;
    i.set(kCbaser, (kQueue & 0xffffffff) | 3);
    i.set(kCbaser + 4, 0x80000001);
    EXPECT_EQ(i.get(kCbaser), kValid | u64{1} << 32 | u64{3} << 59 | kQueue | 3);
    EXPECT_EQ(i.get32(kCbaser), kQueue | 3);
    EXPECT_EQ(i.get32(kCbaser + 4), 0x98000001u);
    i.set(kCwriter, 0x60);
    i.set(kCwriter + 4, 0x1);
    EXPECT_EQ(i.get(kCwriter), 0x60u);
}

TEST(ItsRegisters, TheQueuesOffsets) {
    ItsMachine i;
    i.set64(kCbaser, kValid | kQueue | 1);
    i.set64(kCwriter, 0x1fe0 | 0x1f);
    EXPECT_EQ(i.get(kCwriter), 0x1fe0u);
    i.set64(kCwriter, 0x2000);
    EXPECT_EQ(i.get(kCwriter), 0x1fe0u) << "beyond the queue: ignored";
    i.set64(kCreadr, 0x40);
    EXPECT_EQ(i.get(kCreadr), 0u) << "read-only";
    i.set64(kCbaser, kValid | kQueue | 1);
    EXPECT_EQ(i.get(kCwriter), 0u);
}

TEST(ItsRegisters, EnablingWantsTheTables) {
    ItsMachine i;
    const u32 registers[] = {kCbaser, kBaser0, kBaser1};
    for (const u32 missing : registers) {
        for (const u32 r : registers)
            i.set64(r, r == missing ? 0 : kValid | kRam);
        i.set(kCtlr, 1);
        EXPECT_EQ(i.get32(kCtlr), u64{1} << 31) << missing;
    }
    i.set64(kBaser1, kValid | kCollections);
    i.set(kCtlr, ~u32{0});
    EXPECT_EQ(i.get32(kCtlr), 1u | u64{1} << 31);
    i.set(kCtlr, 0);
    EXPECT_EQ(i.get32(kCtlr), u64{1} << 31);
}

TEST(ItsRegisters, NoTableChangesWhileEnabled) {
    ItsMachine i;
    i.enable();
    const u64 values[] = {i.get(kCbaser), i.get(kBaser0), i.get(kBaser1)};
    i.run({synchronize()});
    for (const u32 r : {kCbaser, kBaser0, kBaser1})
        i.set64(r, 0);
    EXPECT_EQ(i.get(kCbaser), values[0]);
    EXPECT_EQ(i.get(kBaser0), values[1]);
    EXPECT_EQ(i.get(kBaser1), values[2]);
    EXPECT_EQ(i.get(kCreadr), 32u);
}

TEST(ItsRegisters, ForUserSpace) {
    for (const u64 r : {0x0, 0x4, 0x8, 0x80, 0x88, 0x90, 0x100, 0x108, 0x110, 0x138, 0xffd0, 0xffe8, 0xfffc})
        EXPECT_TRUE(vgic::Its::has_register(r)) << r;
    for (const u64 r : {0x2, 0x10, 0x82, 0x84, 0x98, 0x140, 0xffcc, 0x10000, 0x10040})
        EXPECT_FALSE(vgic::Its::has_register(r)) << r;
    ItsMachine i;
    u64 value = 0;
    EXPECT_EQ(i.its().user_read(0x84, value).error(), Errno::kInval);
    EXPECT_EQ(i.its().user_read(0x2, value).error(), Errno::kInval);
    EXPECT_EQ(i.its().user_read(0x98, value).error(), Errno::kNxIo);
    EXPECT_EQ(i.its().user_read(0x10040, value).error(), Errno::kNxIo);
    EXPECT_EQ(i.its().user_write(0x10040, 0).error(), Errno::kNxIo);
    EXPECT_EQ(i.its().user_read(u64{1} << 32, value).error(), Errno::kNxIo);
    EXPECT_TRUE(i.its().user_read(0xffe8, value).ok());
    EXPECT_EQ(value, 0x3bu);
    EXPECT_TRUE(i.its().user_read(kTyper, value).ok());
    EXPECT_EQ(value, i.get(kTyper));
    EXPECT_TRUE(i.its().user_write(kIidr, 0x4b00043b).ok());
    EXPECT_EQ(i.its().user_write(kIidr, 0x4b00143b).error(), Errno::kInval);
    EXPECT_TRUE(i.its().user_write(kTyper, 0).ok());
}

TEST(ItsRegisters, UserSpaceMovesTheQueue) {
    ItsMachine i;
    EXPECT_TRUE(i.its().user_write(kCbaser, kValid | kQueue | 1).ok());
    EXPECT_TRUE(i.its().user_write(kCreadr, 0x1fe0).ok());
    EXPECT_EQ(i.its().user_write(kCreadr, 0x2000).error(), Errno::kInval);
    EXPECT_TRUE(i.its().user_write(kCwriter, 0x20).ok());
    EXPECT_EQ(i.get(kCreadr), 0x1fe0u);
    EXPECT_EQ(i.get(kCwriter), 0x20u);
    EXPECT_EQ(i.get32(kCtlr), u64{1} << 31);
}

TEST(ItsRegisters, Reset) {
    ItsMachine i;
    const u64 fresh[] = {i.get(kBaser0), i.get(kBaser1), i.get(kCbaser)};
    i.enable();
    i.run({mapd(1, kItts, 4), mapc(0, 1), mapti(1, 2, 9000, 0)});
    EXPECT_TRUE(i.send(1, 2));
    i.its().reset();
    EXPECT_EQ(i.get32(kCtlr), u64{1} << 31);
    EXPECT_EQ(i.get(kBaser0), fresh[0]);
    EXPECT_EQ(i.get(kBaser1), fresh[1]);
    EXPECT_EQ(i.get(kCbaser), fresh[2]);
    EXPECT_EQ(i.get(kCreadr) | i.get(kCwriter), 0u);
    EXPECT_EQ(i.its().base(), kItsBase);
    EXPECT_FALSE(i.pending(9000));
    EXPECT_EQ(i.target(9000), ItsMachine::kNone);
    i.enable();
    EXPECT_FALSE(i.send(1, 2));
}

}  // namespace
}  // namespace nest::test
