// SPDX-License-Identifier: GPL-2.0-only
// The Invalidator's order of operations, in the host and with a guest loaded, and what it chooses to issue.
#include <arch/cpu.hpp>
#include <arch/errata.hpp>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stage2/invalidate.hpp>
#include <tests/fake/port.hpp>

namespace nest::test {
namespace {
using namespace stage2;
using namespace arch;
using testing::Contains;
using testing::ElementsAre;

constexpr u64 kHostHcr = HCR_EL2::mask<HCR_EL2::RW, HCR_EL2::E2H, HCR_EL2::TGE>();
constexpr u64 kGuestHcr = HCR_EL2::mask<HCR_EL2::RW, HCR_EL2::E2H, HCR_EL2::VM, HCR_EL2::FWB>();
constexpr u64 kTable = 0x4321'0000;
constexpr u64 kVtcr = 0x8005'3558;

template <typename R>
Event write_of(u64 value) { return {Event::kWrite, static_cast<u64>(R::kReg), value}; }
Event tlbi(Tlbi op, u64 operand = 0) { return {Event::kTlbi, static_cast<u64>(op), operand}; }
Event dsb(Barrier b) { return {Event::kDsb, static_cast<u64>(b)}; }
const Event kIsbEvent{Event::kIsb};

class InvalidatorTest : public testing::Test {
public:
    void SetUp() override {
        port().reset();
        ASSERT_TRUE(vmids.init(8, 4).ok());
        EXPECT_EQ(vmids.load_on_cpu(vmid, 0), 1u);
        cpu.registers[SysReg::HCR_EL2] = kHostHcr;
        cpu.registers[SysReg::VTTBR_EL2] = 0x0007'0000'1111'0000;
        cpu.registers[SysReg::VTCR_EL2] = 0x8000'3520;
        cpu.log.clear();
    }
    std::vector<Event> tlbis() const {
        std::vector<Event> out;
        for (const Event& e : cpu.log)
            if (e.kind == Event::kTlbi)
                out.push_back(e);
        return out;
    }
    void expect_restored(u64 hcr, u64 vttbr, u64 vtcr) {
        EXPECT_EQ(cpu.registers[SysReg::HCR_EL2], hcr);
        EXPECT_EQ(cpu.registers[SysReg::VTTBR_EL2], vttbr);
        EXPECT_EQ(cpu.registers[SysReg::VTCR_EL2], vtcr);
        EXPECT_FALSE(thread_context().irqs_off);
    }
    FakeCpu cpu;
    VmidAllocator vmids{cpu};
    Vmid vmid;
    HostFeatures host;
    TlbTarget target{&vmid, 0xff, VTTBR_EL2::of(kTable), VTCR_EL2::of(kVtcr)};
    Invalidator invalidator{cpu, host, target};
    static constexpr u64 kVttbr = u64{1} << 48 | kTable;
};

TEST_F(InvalidatorTest, FromTheHostEachStepInItsPlace) {
    invalidator.invalidate(Invalidation(0x12345000, 0x1000, 3));
    EXPECT_THAT(cpu.log, ElementsAre(
        dsb(Barrier::ISHST),
        write_of<VTCR_EL2>(kVtcr), write_of<VTTBR_EL2>(kVttbr), kIsbEvent,
        write_of<HCR_EL2>((kHostHcr & ~HCR_EL2::TGE::kMask) | HCR_EL2::VM::kMask), kIsbEvent,
        tlbi(Tlbi::IPAS2E1IS, 0x12345), dsb(Barrier::ISH),
        tlbi(Tlbi::VMALLE1IS), dsb(Barrier::ISH), kIsbEvent,
        write_of<HCR_EL2>(kHostHcr), kIsbEvent,
        write_of<VTCR_EL2>(0x8000'3520), write_of<VTTBR_EL2>(0x0007'0000'1111'0000), kIsbEvent));
    expect_restored(kHostHcr, 0x0007'0000'1111'0000, 0x8000'3520);
}

TEST_F(InvalidatorTest, WithTheSameGuestLoadedNothingIsSwitched) {
    cpu.registers[SysReg::HCR_EL2] = kGuestHcr;
    cpu.registers[SysReg::VTTBR_EL2] = kVttbr;
    cpu.registers[SysReg::VTCR_EL2] = kVtcr;
    invalidator.invalidate(Invalidation(0x12345000, 0x1000, 3));
    EXPECT_THAT(cpu.log, ElementsAre(dsb(Barrier::ISHST), tlbi(Tlbi::IPAS2E1IS, 0x12345), dsb(Barrier::ISH),
                                     tlbi(Tlbi::VMALLE1IS), dsb(Barrier::ISH), kIsbEvent));
}

TEST_F(InvalidatorTest, WithAnotherGuestLoadedOnlyStage2IsSwitched) {
    cpu.registers[SysReg::HCR_EL2] = kGuestHcr;
    invalidator.invalidate(Invalidation::all());
    EXPECT_THAT(cpu.log, ElementsAre(
        dsb(Barrier::ISHST), write_of<VTCR_EL2>(kVtcr), write_of<VTTBR_EL2>(kVttbr), kIsbEvent,
        tlbi(Tlbi::VMALLS12E1IS), dsb(Barrier::ISH), kIsbEvent,
        write_of<VTCR_EL2>(0x8000'3520), write_of<VTTBR_EL2>(0x0007'0000'1111'0000), kIsbEvent));
    expect_restored(kGuestHcr, 0x0007'0000'1111'0000, 0x8000'3520);
}

// L1's TLBI for its guest: behind L1's writes to its tables, and complete when L1 goes on.
TEST_F(InvalidatorTest, AStageOneInstructionIsOrderedAndComplete) {
    cpu.registers[SysReg::HCR_EL2] = kGuestHcr;
    cpu.registers[SysReg::VTTBR_EL2] = kVttbr;
    cpu.registers[SysReg::VTCR_EL2] = kVtcr;
    invalidator.stage1(Tlbi::VAE1IS, 0x1234);
    EXPECT_THAT(cpu.log, ElementsAre(dsb(Barrier::ISHST), tlbi(Tlbi::VAE1IS, 0x1234), dsb(Barrier::ISH), kIsbEvent));
}

// VMs of one size have one VTCR_EL2.
TEST_F(InvalidatorTest, AnotherGuestMayDifferByItsTablesOnly) {
    cpu.registers[SysReg::HCR_EL2] = kGuestHcr;
    cpu.registers[SysReg::VTCR_EL2] = kVtcr;
    u64 during = 0;
    invalidator.invalidate(Invalidation::all());
    for (const Event& e : cpu.log) {
        if (e.kind == Event::kWrite && e.what == static_cast<u64>(SysReg::VTTBR_EL2))
            during = during ? during : e.operand;
        if (e.kind == Event::kTlbi) {
            EXPECT_EQ(during, kVttbr);
        }
    }
    expect_restored(kGuestHcr, 0x0007'0000'1111'0000, kVtcr);
}

TEST_F(InvalidatorTest, SomeCpusNeedAnotherPairToBeDone) {
    cpu.registers[SysReg::HCR_EL2] = kGuestHcr;
    cpu.registers[SysReg::VTTBR_EL2] = kVttbr;
    cpu.registers[SysReg::VTCR_EL2] = kVtcr;
    known_errata.store_relaxed(bit_of(Erratum::kRepeatTlbi));
    invalidator.invalidate(Invalidation::all());
    EXPECT_THAT(cpu.log, ElementsAre(dsb(Barrier::ISHST), tlbi(Tlbi::VMALLS12E1IS), dsb(Barrier::ISH),
                                     tlbi(Tlbi::VALE1IS), dsb(Barrier::ISH), kIsbEvent));
    cpu.log.clear();
    invalidator.invalidate_local(0x12345000, 3);
    EXPECT_EQ(tlbis().size(), 2u) << "what is not broadcast needs none";
    known_errata.store_relaxed(0);
}

TEST_F(InvalidatorTest, CpusThatWalkAheadHaveNothingToWalk) {
    cpu.registers[SysReg::TCR_EL12] = 0x10;
    cpu.registers[SysReg::SCTLR_EL12] = 0x4;
    known_errata.store_relaxed(bit_of(Erratum::kSpeculativeAt));
    invalidator.invalidate(Invalidation::all());
    known_errata.store_relaxed(0);
    EXPECT_THAT(cpu.log, ElementsAre(
        dsb(Barrier::ISHST), write_of<TCR_EL12>(0x80'0090), write_of<SCTLR_EL12>(0x5), write_of<VTCR_EL2>(kVtcr),
        write_of<VTTBR_EL2>(kVttbr), kIsbEvent, write_of<HCR_EL2>((kHostHcr & ~(u64{1} << 27)) | 1), kIsbEvent,
        tlbi(Tlbi::VMALLS12E1IS), dsb(Barrier::ISH), kIsbEvent, write_of<HCR_EL2>(kHostHcr), kIsbEvent,
        write_of<VTCR_EL2>(0x8000'3520), write_of<VTTBR_EL2>(0x0007'0000'1111'0000), kIsbEvent,
        write_of<TCR_EL12>(0x10), write_of<SCTLR_EL12>(0x4)));
}

TEST_F(InvalidatorTest, LocalStaysLocal) {
    host.ttl = true;
    invalidator.invalidate_local(0x40000000, 2);
    EXPECT_THAT(cpu.log, ElementsAre(
        dsb(Barrier::NSHST),
        write_of<VTCR_EL2>(kVtcr), write_of<VTTBR_EL2>(kVttbr), kIsbEvent,
        write_of<HCR_EL2>((kHostHcr & ~HCR_EL2::TGE::kMask) | HCR_EL2::VM::kMask), kIsbEvent,
        tlbi(Tlbi::IPAS2E1, 0x6000'0004'0000), dsb(Barrier::NSH), tlbi(Tlbi::VMALLE1), dsb(Barrier::NSH), kIsbEvent,
        write_of<HCR_EL2>(kHostHcr), kIsbEvent,
        write_of<VTCR_EL2>(0x8000'3520), write_of<VTTBR_EL2>(0x0007'0000'1111'0000), kIsbEvent));
}

TEST_F(InvalidatorTest, InterruptsStayOffWhileTgeIs) {
    nest_port_irq_disable();  // and what was off before stays off
    invalidator.invalidate(Invalidation::all());
    EXPECT_TRUE(thread_context().irqs_off);
    nest_port_irq_enable();
}

TEST_F(InvalidatorTest, LevelHints) {
    invalidator.invalidate(Invalidation(0, 0x200000, 2));
    EXPECT_EQ(tlbis()[0], tlbi(Tlbi::IPAS2E1IS, 0));  // no FEAT_TTL, no hint; yet one instruction per block
    host.ttl = true;
    for (unsigned level = 1; level <= 3; level++) {
        cpu.log.clear();
        u64 bytes = span_of_level(level);
        invalidator.invalidate(Invalidation(bytes, bytes, level));
        EXPECT_EQ(tlbis().size(), 2u);
        EXPECT_EQ(tlbis()[0], tlbi(Tlbi::IPAS2E1IS, u64{4 + level} << 44 | bytes >> 12));
    }
    cpu.log.clear();
    invalidator.invalidate(Invalidation(0x5000, 0x1000, kAnyLevel));
    EXPECT_EQ(tlbis()[0], tlbi(Tlbi::IPAS2E1IS, 5));  // a wrong hint would leave the entry
}

TEST_F(InvalidatorTest, WithoutRangesSinglesUpToALimit) {
    invalidator.invalidate(Invalidation(0x1000, 64 * 0x1000, 3));
    ASSERT_EQ(tlbis().size(), 65u);
    for (u64 i = 0; i < 64; i++)
        EXPECT_EQ(tlbis()[i], tlbi(Tlbi::IPAS2E1IS, 1 + i));
    cpu.log.clear();
    invalidator.invalidate(Invalidation(0, 65 * 0x1000, 3));
    EXPECT_THAT(tlbis(), ElementsAre(tlbi(Tlbi::VMALLS12E1IS)));
    cpu.log.clear();
    invalidator.invalidate(Invalidation(0, 64 * 0x200000, 2));
    EXPECT_EQ(tlbis().size(), 65u);
    EXPECT_EQ(tlbis()[63], tlbi(Tlbi::IPAS2E1IS, 63 * 512));
}

// Decodes range operands by the manual's formula and collects what they cover.
TEST_F(InvalidatorTest, RangesCoverEveryPageOnce) {
    host.tlbirange = true;
    for (u64 pages : {2ull, 3ull, 63ull, 64ull, 65ull, 512ull, 2047ull, 262144ull, 1000001ull, (1ull << 21) - 1}) {
        cpu.log.clear();
        u64 start = 0x77000;
        invalidator.invalidate(Invalidation(start, pages << 12, pages == 512 ? kAnyLevel : 3));
        u64 next = start >> 12;
        for (const Event& e : tlbis()) {
            if (e.what == static_cast<u64>(Tlbi::VMALLE1IS))
                continue;
            u64 count = 1;
            if (e.what == static_cast<u64>(Tlbi::RIPAS2E1IS)) {
                EXPECT_EQ(e.operand >> 46, 1u);            // TG: 4 KiB
                EXPECT_EQ(e.operand >> 37 & 3, 0u);        // no level
                count = ((e.operand >> 39 & 31) + 1) << (5 * (e.operand >> 44 & 3) + 1);
            } else {
                EXPECT_EQ(e.what, static_cast<u64>(Tlbi::IPAS2E1IS));
            }
            EXPECT_EQ(e.operand & ((u64{1} << 37) - 1), next);
            next += count;
        }
        EXPECT_EQ(next, (start >> 12) + pages);
        EXPECT_LE(tlbis().size(), 6u);
    }
    cpu.log.clear();
    invalidator.invalidate(Invalidation(0, u64{1} << 33, 3));
    EXPECT_THAT(tlbis(), ElementsAre(tlbi(Tlbi::VMALLS12E1IS)));
}

TEST_F(InvalidatorTest, TheVmidIsReadAfterTheBarrier) {
    // A roll-over on another CPU between the caller's store and ours: the new VMID is the one to clear.
    VmidAllocator other(cpu);
    ASSERT_TRUE(other.init(8, 4).ok());
    Vmid mine, filler;
    TlbTarget t{&mine, 0xff, VTTBR_EL2::of(kTable), VTCR_EL2::of(kVtcr)};
    (void)other.load_on_cpu(filler, 1);
    bool raced = false;
    cpu.after = [&](const Event& e) {
        if (e != dsb(Barrier::ISHST) || std::exchange(raced, true))
            return;
        EXPECT_EQ(other.load_on_cpu(mine, 0), 2u);
    };
    Invalidator(cpu, host, t).invalidate(Invalidation::all());
    EXPECT_THAT(cpu.log, Contains(write_of<VTTBR_EL2>(u64{2} << 48 | kTable)));
}

TEST(Invalidation, HullsAndLevels) {
    Invalidation i;
    EXPECT_TRUE(i.empty());
    i.add(0x5000, 0x1000, 3);
    i.add(0x2000, 0x1000, 3);
    EXPECT_EQ(i.start(), 0x2000u);
    EXPECT_EQ(i.bytes(), 0x4000u);
    EXPECT_EQ(i.level(), 3u);
    i.add_empty_table(0, 0x200000);
    EXPECT_EQ(i.bytes(), 0x4000u);
    EXPECT_EQ(i.level(), kAnyLevel);
    i.add_empty_table(0x400000, 0x200000);
    EXPECT_EQ(i.start() + i.bytes(), 0x401000u);
    Invalidation j(0x200000, 0x200000, 2);
    EXPECT_EQ(j.stride(), 0x200000u);
    j.add(i);
    EXPECT_EQ(j.level(), kAnyLevel);
    j.add(Invalidation::all());
    EXPECT_TRUE(j.everything());
    EXPECT_FALSE(Invalidation::all().empty());
}

}  // namespace
}  // namespace nest::test
