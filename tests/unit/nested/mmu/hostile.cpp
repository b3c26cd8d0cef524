// SPDX-License-Identifier: GPL-2.0-only
// L1 against its shadows: leaves of every size at large addresses, invalidated by any of their pages; and tables that
// change while they are walked.
#include <gtest/gtest.h>
#include <tests/unit/nested/mmu/world.hpp>
#include <thread>

namespace {
using namespace nest;
using namespace nest::nested;
using arch::Ipa;
using arch::L2Ipa;
using test::L2Fault;
using test::World;

constexpr u64 kPage = 4096;
constexpr u64 kBits = 1 << 10 | 3 << 8 | 3 << 6 | 15 << 2;  // accessed, shareable, read-write, Write-Back

struct Shape {
    unsigned granule, level;
};
class LeafOfAnySize : public testing::TestWithParam<Shape> {
public:
    static constexpr u64 kAt = u64{1} << 35;  // nothing of it fits 32 bits

    unsigned shift(unsigned level) const { return GetParam().granule + (3 - level) * (GetParam().granule - 3); }
    u64 bytes() const { return u64{1} << shift(GetParam().level); }
    u64 output() const { return World::kBigBase; }

    void SetUp() override {
        using V = arch::VTCR_EL2;
        const unsigned granule = GetParam().granule;
        vm.pa_bits = 48;
        vm.stage2_granules = 7;
        vm.ttl = true;
        const unsigned tg = granule == 12 ? 0 : granule == 14 ? 2 : 1;
        vtcr = V::of(arch::kVtcrRes1).with<V::TG0>(tg).with<V::SL0>(1).with<V::T0SZ>(28).with<V::PS>(5);
        regime = stage2_regime(arch::VTTBR_EL2::of(World::kRamBase), vtcr, false, false, vm);
        ASSERT_EQ(regime.fsc, Stage2Regime::kNoFault);
        u64 table = World::kRamBase, next = World::kRamBase + 0x1'0000;
        for (unsigned level = granule == 12 ? 1 : 2;; level++) {
            const u64 mask = table == World::kRamBase ? ~u64{0} : (u64{1} << (granule - 3)) - 1;
            u64& entry = *world.word(Ipa(table + 8 * (kAt >> shift(level) & mask)));
            if (level == GetParam().level) {
                entry = output() | kBits | (level == 3 ? 3 : 1);
                break;
            }
            entry = next | 3;
            table = next;
            next += 0x1'0000;
        }
        shadow = &world.get({World::kRamBase, vtcr.raw, 5, true});
    }
    bool mapped(u64 offset) { return shadow->tables.walk(L2Ipa(kAt + offset)).valid; }
    void touch_all() {
        for (const u64 offset : places()) {
            L2Fault f;
            f.ipa = L2Ipa(kAt + offset);
            ASSERT_EQ(world.access(*shadow, &regime, f).outcome, FaultOutcome::kResolved);
            ASSERT_EQ(shadow->tables.walk(f.ipa).pa, world.backing(output() + offset));
        }
    }
    std::vector<u64> places() const {
        std::vector<u64> p{0};
        if (bytes() > kPage)
            p.push_back(bytes() - kPage);
        if (bytes() > 4 * kPage)
            p.push_back(bytes() / 2 + kPage);
        return p;
    }
    void tlbi(u64 start, u64 size, unsigned granule, unsigned level) {
        TlbiOp op{};
        op.scope = TlbiScope::kIpa;
        op.start = start;
        op.size = size;
        op.granule_bits = static_cast<u8>(granule);
        op.level = static_cast<u8>(level);
        const ShadowTlbi t = shadow_tlbi(op, 0, 5, false, vm);
        World::Mmu::Cursor cursor;
        for (bool done = false; !done;) {
            Guard guard(world.lock);
            done = world.mmu.invalidate(t, cursor, 4096);
        }
    }
    void expect_gone(const char* how, u64 named) {
        for (const u64 offset : places())
            EXPECT_FALSE(mapped(offset)) << how << ' ' << std::hex << named << ' ' << offset;
    }

    World world;
    MmuFeatures vm;
    arch::VTCR_EL2 vtcr;
    Stage2Regime regime;
    World::Shadow* shadow = nullptr;
};

// CVE-2026-89775: a size or a level that is truncated between the walk and the invalidation leaves a piece behind.
TEST_P(LeafOfAnySize, GoesAsAWholeByAnyOfItsPages) {
    const auto [granule, level] = GetParam();
    const u64 grain = u64{1} << granule;
    std::vector<u64> names{0, bytes() - grain};
    if (bytes() > 2 * grain)
        names.push_back(bytes() / 4 * 3 & ~(grain - 1));  // L2 never was there
    for (const u64 named : names) {
        touch_all();
        tlbi(kAt + named, 0, 0, 0);
        expect_gone("without a hint", named);
        touch_all();
        tlbi(kAt + named, 0, granule, level);
        expect_gone("with its level", named);
        for (const unsigned hint : {0u, level}) {
            touch_all();
            tlbi(kAt + named, grain, granule, hint);
            expect_gone("a part of it as a range", named);
        }
    }
    touch_all();
    tlbi(kAt, bytes(), granule, 0);
    expect_gone("as a range", 0);
    touch_all();
    tlbi(0, u64{1} << 36, granule, 0);
    expect_gone("as a range of 64 GiB", 0);
    touch_all();
    tlbi(0, u64{1} << 35, granule, 0);
    for (const u64 offset : places())
        EXPECT_TRUE(mapped(offset)) << "the range ends before it";
}
std::string name_of(const testing::TestParamInfo<Shape>& i) {
    const Shape& s = i.param;
    return std::to_string(1 << (s.granule - 10)) + "K_level" + std::to_string(s.level);
}
INSTANTIATE_TEST_SUITE_P(Granules, LeafOfAnySize,
                         testing::Values(Shape{12, 1}, Shape{12, 2}, Shape{12, 3}, Shape{14, 2}, Shape{14, 3},
                                         Shape{16, 2}, Shape{16, 3}),
                         name_of);

// An L1 with three tables, one for each level, and a shadow of them.
class ThreeTables {
public:
    // Overwrites entries, by no rule, until it has to stop: with nothing, tables, L1's memory and what is not L1's.
    void scribble(const Atomic<bool>& stop) {
        constexpr u64 kData = World::kRamBase + 0x20'0000;  // has content, should it be taken for a table
        const u64 entries[] = {
            0, ~u64{0}, World::kRamBase | 3, (World::kRamBase + 0x1000) | 3, (World::kRamBase + 0x2000) | 3,
            kData | kBits | 3, World::kBigBase | kBits | 1, (kData | (kBits & ~u64{1 << 10}) | 3),
            (kData | kBits | 3 | u64{1} << 51) & ~u64{1 << 7},
            u64{0x1000'0000} | kBits | 3, u64{1} << 47 | kBits | 1, 0xffff'ffff'f000'0000 | kBits | 3,
        };
        std::mt19937 random(3);
        while (!stop.load_acquire()) {
            u64* entry = world_.word(Ipa(World::kRamBase + (random() % 3) * 0x1000 + 8 * (random() % 4)));
            __atomic_store_n(entry, entries[random() % std::size(entries)], __ATOMIC_RELAXED);
        }
    }
    // One try of L2, not until it succeeds: if there is a leaf afterwards, it leads to L1's memory.
    void attempt(const L2Fault& f) {
        Resolution r;
        {
            Guard guard(world_.lock);
            r = world_.mmu.resolve(shadow_, &regime_, f, world_.cache);
            const stage2::Leaf leaf = shadow_.tables.walk(f.ipa);
            ASSERT_TRUE(!leaf.valid || is_l1s(leaf.pa.raw)) << std::hex << leaf.pa.raw;
        }
        if (r.outcome == FaultOutcome::kNeedTables)
            World::check(World::Mmu::top_up(shadow_, world_.cache).ok(), "memory");
        else if (r.outcome == FaultOutcome::kFaultIn)
            (void)world_.fault_in(r.canonical, r.write);
    }
    void invalidate_all() {
        World::Mmu::Cursor cursor;
        Guard guard(world_.lock);
        ASSERT_TRUE(world_.mmu.invalidate({}, cursor, ~0u));
    }
    // Tables by a rule, of which nothing is known yet: page i of each last table is page i of the large memory.
    void put_in_order() {
        for (u64 i = 0; i < 4; i++) {
            *world_.word(Ipa(World::kRamBase + 8 * i)) = (World::kRamBase + 0x1000) | 3;
            *world_.word(Ipa(World::kRamBase + 0x1000 + 8 * i)) = (World::kRamBase + 0x2000) | 3;
            *world_.word(Ipa(World::kRamBase + 0x2000 + 8 * i)) = (World::kBigBase + i * kPage) | kBits | 3;
        }
        ASSERT_NO_FATAL_FAILURE(invalidate_all());
        EXPECT_EQ(world_.mmu.rmap().count(), 0u);
    }
    void expect_in_order() {
        for (u64 i = 0; i < 64; i++) {
            L2Fault f;
            f.ipa = L2Ipa((i >> 4) << 30 | (i >> 2 & 3) << 21 | (i & 3) << 12);
            ASSERT_EQ(world_.access(shadow_, &regime_, f).outcome, FaultOutcome::kResolved);
            EXPECT_EQ(shadow_.tables.walk(f.ipa).pa.raw, World::kBigPa + (i & 3) * kPage);
        }
    }

private:
    using V = arch::VTCR_EL2;

    static MmuFeatures features() {
        MmuFeatures vm;
        vm.pa_bits = 48;
        vm.stage2_granules = 1;
        vm.access_flag = vm.dirty_state = true;
        return vm;
    }
    bool is_l1s(u64 pa) {
        const u64 ram = world_.backing(World::kRamBase).raw;
        const bool in_ram = pa >= ram && pa < ram + World::kRamBytes;
        const bool in_big = pa >= World::kBigPa && pa < World::kBigPa + World::kBigBytes;
        return in_ram || in_big;
    }

    World world_;
    const V vtcr_ = V::of(arch::kVtcrRes1).with<V::SL0>(1).with<V::T0SZ>(32).with<V::PS>(5).with<V::HA>(1).with<V::HD>(1);
    const Stage2Regime regime_ = stage2_regime(arch::VTTBR_EL2::of(World::kRamBase), vtcr_, false, false, features());
    World::Shadow& shadow_ = world_.get({World::kRamBase, vtcr_.raw, 1, true});
};

// Another CPU of L1 writes its tables all the time, by no rule. Whatever is read on the way, a leaf leads to memory of
// L1's, each attempt ends, and after an invalidation the tables of that moment are all that counts.
TEST(Hostile, TablesThatChangeWhileTheyAreWalked) {
    ThreeTables tables;
    Atomic<bool> stop;
    std::thread l1([&] { tables.scribble(stop); });
    std::mt19937 random(4);
    for (unsigned i = 0; i < 20000; i++) {
        L2Fault f;
        f.ipa = L2Ipa(u64{random() % 4} << 30 | u64{random() % 4} << 21 | u64{random() % 4} << 12);
        f.write = random() % 2;
        ASSERT_NO_FATAL_FAILURE(tables.attempt(f));
        if (i % 64 == 0) {
            ASSERT_NO_FATAL_FAILURE(tables.invalidate_all());
        }
    }
    stop.store_release(true);
    l1.join();
    ASSERT_NO_FATAL_FAILURE(tables.put_in_order());
    ASSERT_NO_FATAL_FAILURE(tables.expect_in_order());
}

}  // namespace
