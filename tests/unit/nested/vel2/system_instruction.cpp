// SPDX-License-Identifier: GPL-2.0-only
// TLBI and AT decoding: every encoding, and the operands.
#include <gtest/gtest.h>
#include <nested/cpu/vel2_tlbi.hpp>
#include <tests/unit/nested/vel2/fixture.hpp>

namespace nest::nested {
namespace {

using arch::encode;
using Sc = TlbiScope;
using Sh = Shareability;

struct TlbiRow {
    const char* name;
    unsigned op1, crm, op2;
    Sc scope;
    Sh shareability;
    bool range, last;
};
// [DDI0487] C5.5, XS forms; EL2's by the names of E2.
const TlbiRow kTlbis[] = {
    {"VMALLE1OS", 0, 1, 0, Sc::kStage1, Sh::kOuter, false, false},
    {"VAE1OS", 0, 1, 1, Sc::kVa, Sh::kOuter, false, false},
    {"ASIDE1OS", 0, 1, 2, Sc::kAsid, Sh::kOuter, false, false},
    {"VAAE1OS", 0, 1, 3, Sc::kVaAllAsids, Sh::kOuter, false, false},
    {"VALE1OS", 0, 1, 5, Sc::kVa, Sh::kOuter, false, true},
    {"VAALE1OS", 0, 1, 7, Sc::kVaAllAsids, Sh::kOuter, false, true},
    {"RVAE1IS", 0, 2, 1, Sc::kVa, Sh::kInner, true, false},
    {"RVAAE1IS", 0, 2, 3, Sc::kVaAllAsids, Sh::kInner, true, false},
    {"RVALE1IS", 0, 2, 5, Sc::kVa, Sh::kInner, true, true},
    {"RVAALE1IS", 0, 2, 7, Sc::kVaAllAsids, Sh::kInner, true, true},
    {"VMALLE1IS", 0, 3, 0, Sc::kStage1, Sh::kInner, false, false},
    {"VAE1IS", 0, 3, 1, Sc::kVa, Sh::kInner, false, false},
    {"ASIDE1IS", 0, 3, 2, Sc::kAsid, Sh::kInner, false, false},
    {"VAAE1IS", 0, 3, 3, Sc::kVaAllAsids, Sh::kInner, false, false},
    {"VALE1IS", 0, 3, 5, Sc::kVa, Sh::kInner, false, true},
    {"VAALE1IS", 0, 3, 7, Sc::kVaAllAsids, Sh::kInner, false, true},
    {"RVAE1OS", 0, 5, 1, Sc::kVa, Sh::kOuter, true, false},
    {"RVAAE1OS", 0, 5, 3, Sc::kVaAllAsids, Sh::kOuter, true, false},
    {"RVALE1OS", 0, 5, 5, Sc::kVa, Sh::kOuter, true, true},
    {"RVAALE1OS", 0, 5, 7, Sc::kVaAllAsids, Sh::kOuter, true, true},
    {"RVAE1", 0, 6, 1, Sc::kVa, Sh::kNone, true, false},
    {"RVAAE1", 0, 6, 3, Sc::kVaAllAsids, Sh::kNone, true, false},
    {"RVALE1", 0, 6, 5, Sc::kVa, Sh::kNone, true, true},
    {"RVAALE1", 0, 6, 7, Sc::kVaAllAsids, Sh::kNone, true, true},
    {"VMALLE1", 0, 7, 0, Sc::kStage1, Sh::kNone, false, false},
    {"VAE1", 0, 7, 1, Sc::kVa, Sh::kNone, false, false},
    {"ASIDE1", 0, 7, 2, Sc::kAsid, Sh::kNone, false, false},
    {"VAAE1", 0, 7, 3, Sc::kVaAllAsids, Sh::kNone, false, false},
    {"VALE1", 0, 7, 5, Sc::kVa, Sh::kNone, false, true},
    {"VAALE1", 0, 7, 7, Sc::kVaAllAsids, Sh::kNone, false, true},
    {"IPAS2E1IS", 4, 0, 1, Sc::kIpa, Sh::kInner, false, false},
    {"RIPAS2E1IS", 4, 0, 2, Sc::kIpa, Sh::kInner, true, false},
    {"IPAS2LE1IS", 4, 0, 5, Sc::kIpa, Sh::kInner, false, true},
    {"RIPAS2LE1IS", 4, 0, 6, Sc::kIpa, Sh::kInner, true, true},
    {"ALLE2OS", 4, 1, 0, Sc::kStage1, Sh::kOuter, false, false},
    {"VAE2OS", 4, 1, 1, Sc::kVa, Sh::kOuter, false, false},
    {"ALLE1OS", 4, 1, 4, Sc::kAllVmids, Sh::kOuter, false, false},
    {"VALE2OS", 4, 1, 5, Sc::kVa, Sh::kOuter, false, true},
    {"VMALLS12E1OS", 4, 1, 6, Sc::kVmid, Sh::kOuter, false, false},
    {"RVAE2IS", 4, 2, 1, Sc::kVa, Sh::kInner, true, false},
    {"RVALE2IS", 4, 2, 5, Sc::kVa, Sh::kInner, true, true},
    {"ALLE2IS", 4, 3, 0, Sc::kStage1, Sh::kInner, false, false},
    {"VAE2IS", 4, 3, 1, Sc::kVa, Sh::kInner, false, false},
    {"ALLE1IS", 4, 3, 4, Sc::kAllVmids, Sh::kInner, false, false},
    {"VALE2IS", 4, 3, 5, Sc::kVa, Sh::kInner, false, true},
    {"VMALLS12E1IS", 4, 3, 6, Sc::kVmid, Sh::kInner, false, false},
    {"IPAS2E1OS", 4, 4, 0, Sc::kIpa, Sh::kOuter, false, false},
    {"IPAS2E1", 4, 4, 1, Sc::kIpa, Sh::kNone, false, false},
    {"RIPAS2E1", 4, 4, 2, Sc::kIpa, Sh::kNone, true, false},
    {"RIPAS2E1OS", 4, 4, 3, Sc::kIpa, Sh::kOuter, true, false},
    {"IPAS2LE1OS", 4, 4, 4, Sc::kIpa, Sh::kOuter, false, true},
    {"IPAS2LE1", 4, 4, 5, Sc::kIpa, Sh::kNone, false, true},
    {"RIPAS2LE1", 4, 4, 6, Sc::kIpa, Sh::kNone, true, true},
    {"RIPAS2LE1OS", 4, 4, 7, Sc::kIpa, Sh::kOuter, true, true},
    {"RVAE2OS", 4, 5, 1, Sc::kVa, Sh::kOuter, true, false},
    {"RVALE2OS", 4, 5, 5, Sc::kVa, Sh::kOuter, true, true},
    {"RVAE2", 4, 6, 1, Sc::kVa, Sh::kNone, true, false},
    {"RVALE2", 4, 6, 5, Sc::kVa, Sh::kNone, true, true},
    {"ALLE2", 4, 7, 0, Sc::kStage1, Sh::kNone, false, false},
    {"VAE2", 4, 7, 1, Sc::kVa, Sh::kNone, false, false},
    {"ALLE1", 4, 7, 4, Sc::kAllVmids, Sh::kNone, false, false},
    {"VALE2", 4, 7, 5, Sc::kVa, Sh::kNone, false, true},
    {"VMALLS12E1", 4, 7, 6, Sc::kVmid, Sh::kNone, false, false},
};
// TG 1 (4 KiB): a range that is not widened.
constexpr u64 kRange4k = u64{1} << 46;

// The table's row of this encoding; null if it has none.
template <typename Row, size_t kRows>
const Row* row_of(const Row (&table)[kRows], unsigned op1, unsigned crm, unsigned op2) {
    for (const Row& r : table)
        if (r.op1 == op1 && r.crm == crm && r.op2 == op2)
            return &r;
    return nullptr;
}

void expect_as_in_the_table(unsigned op1, unsigned crn, unsigned crm, unsigned op2) {
    const TlbiRow* row = row_of(kTlbis, op1, crm, op2);
    TlbiOp op;
    const bool ok = decode_tlbi(encode(1, op1, crn, crm, op2), kRange4k, every_feature(), true, false, op);
    ASSERT_EQ(ok, row != nullptr) << op1 << " " << crm << " " << op2;
    if (!row)
        return;
    EXPECT_EQ(op.scope, row->scope) << row->name;
    EXPECT_EQ(op.shareability, row->shareability) << row->name;
    EXPECT_EQ(op.range, row->range) << row->name;
    EXPECT_EQ(op.last_level, row->last) << row->name;
    EXPECT_EQ(op.nxs, crn == 9) << row->name;
    const bool own = op1 == 4 && (row->scope == Sc::kStage1 || row->scope == Sc::kVa);
    EXPECT_EQ(op.regime, own ? Regime::kEl20 : Regime::kEl10) << row->name;
}

TEST(Tlbi, EveryEncoding) {
    for (unsigned op1 : {0u, 4u})
        for (unsigned crn : {8u, 9u})
            for (unsigned crm = 0; crm < 16; crm++)
                for (unsigned op2 = 0; op2 < 8; op2++)
                    ASSERT_NO_FATAL_FAILURE(expect_as_in_the_table(op1, crn, crm, op2));
}

TEST(Tlbi, FeaturesGateTheirForms) {
    for (const TlbiRow& row : kTlbis) {
        const auto e = encode(1, row.op1, 8, row.crm, row.op2);
        const auto nxs = encode(1, row.op1, 9, row.crm, row.op2);
        TlbiOp op;
        Features f = every_feature();
        EXPECT_EQ(decode_tlbi(e, kRange4k, f.set(Feature::kTlbiRange, false), true, false, op), !row.range) << row.name;
        f = every_feature();
        EXPECT_EQ(decode_tlbi(e, kRange4k, f.set(Feature::kTlbiOs, false), true, false, op),
                  row.shareability != Sh::kOuter);
        f = every_feature();
        EXPECT_FALSE(decode_tlbi(nxs, kRange4k, f.set(Feature::kXs, false), true, false, op)) << row.name;
    }
}

TlbiOp tlbi(unsigned op1, unsigned crm, unsigned op2, u64 operand, bool tge = false, bool e2h = true) {
    TlbiOp op;
    EXPECT_TRUE(decode_tlbi(encode(1, op1, 8, crm, op2), operand, every_feature(), e2h, tge, op));
    return op;
}

TEST(Tlbi, RegimeByTge) {
    EXPECT_EQ(tlbi(0, 7, 1, 0, true).regime, Regime::kEl20);
    EXPECT_EQ(tlbi(0, 7, 1, 0, false).regime, Regime::kEl10);
    EXPECT_EQ(tlbi(0, 7, 1, 0, true, false).regime, Regime::kEl10) << "TGE without E2H";
    EXPECT_EQ(tlbi(4, 7, 1, 0, true, false).regime, Regime::kEl2);
    EXPECT_EQ(tlbi(4, 7, 6, 0, true).regime, Regime::kEl10);
}

TEST(Tlbi, AddressOperand) {
    const TlbiOp va = tlbi(0, 3, 1, u64{0xabc} << 48 | u64{0xb} << 44 | 0xfff'ffff'8765);
    EXPECT_EQ(va.asid, 0xabc);
    EXPECT_EQ(va.start, 0xffff'ffff'f876'4000u) << "bits above 55 extended, aligned to 16 KiB";
    EXPECT_EQ(va.granule_bits, 14);
    EXPECT_EQ(va.level, 3);
    EXPECT_EQ(va.size, 0u);
    const TlbiOp no_hint = tlbi(0, 3, 1, u64{2} << 44 | 0x123);
    EXPECT_EQ(no_hint.granule_bits, 0);
    EXPECT_EQ(no_hint.level, 0) << "without a granule the level says nothing";
    EXPECT_EQ(no_hint.start, 0x12'3000u);
    const TlbiOp ipa = tlbi(4, 4, 1, u64{1} << 63 | u64{7} << 44 | 0x12'3456'7890);
    EXPECT_EQ(ipa.start, 0x1'2345'6789'0000u);
    EXPECT_EQ(ipa.asid, 0);
    EXPECT_EQ(ipa.granule_bits, 12);
    EXPECT_EQ(ipa.level, 3);
    EXPECT_EQ(tlbi(0, 7, 3, u64{0xabc} << 48).asid, 0) << "all ASIDs";
    EXPECT_EQ(tlbi(4, 7, 1, u64{0xabc} << 48, false, false).asid, 0) << "EL2 without E2H has no ASIDs";
    EXPECT_EQ(tlbi(0, 7, 2, u64{0xabc} << 48).asid, 0xabc);
}

TEST(Tlbi, RangeOperand) {
    auto range = [](u64 tg, u64 scale, u64 num, u64 ttl, u64 base) {
        return u64{9} << 48 | tg << 46 | scale << 44 | num << 39 | ttl << 37 | base;
    };
    TlbiOp op = tlbi(0, 2, 1, range(1, 0, 0, 3, 0x1000));
    EXPECT_EQ(op.start, 0x100'0000u);
    EXPECT_EQ(op.size, 2u * 4096);
    EXPECT_EQ(op.level, 3);
    EXPECT_EQ(op.asid, 9);
    op = tlbi(4, 0, 2, range(3, 3, 31, 0, 1));
    EXPECT_EQ(op.start, 0x1'0000u);
    EXPECT_EQ(op.size, u64{32} << (16 + 16));
    EXPECT_EQ(op.granule_bits, 16);
    op = tlbi(0, 6, 3, range(1, 0, 0, 0, 0x1f'ffff'ffff));
    EXPECT_EQ(op.start, ~u64{0xfff});
    EXPECT_EQ(op.size, 4096u) << "cut at the end of the address space";
    // Reserved granule: what it names is unknown, so all of it goes.
    op = tlbi(4, 4, 2, range(0, 1, 1, 0, 5));
    EXPECT_EQ(op.scope, Sc::kVmid);
    EXPECT_FALSE(op.range);
    op = tlbi(0, 2, 1, range(0, 1, 1, 0, 5));
    EXPECT_EQ(op.scope, Sc::kStage1);
    EXPECT_EQ(op.asid, 0);
}

TEST(Tlbi, OwnRegimeIsExecutedAsItIs) {
    using enum arch::Tlbi;
    const std::pair<const char*, arch::Tlbi> expected[] = {
        {"VMALLE1", VMALLE1IS}, {"VAE1", VAE1IS},     {"ASIDE1", ASIDE1IS},   {"VAAE1", VAAE1IS},
        {"VALE1", VALE1IS},     {"VAALE1", VAALE1IS}, {"RVAE1", RVAE1IS},     {"RVAAE1", RVAAE1IS},
        {"RVALE1", RVALE1IS},   {"RVAALE1", RVAALE1IS}};
    for (auto [name, instruction] : expected)
        for (const TlbiRow& row : kTlbis) {
            const std::string n = row.name;
            if (n != name && n != std::string(name) + "IS" && n != std::string(name) + "OS")
                continue;
            FakeCpu cpu;
            const u64 operand = kRange4k | 0x123;
            execute_vel2_tlbi(cpu, tlbi(row.op1, row.crm, row.op2, operand, true), operand);
            ASSERT_EQ(cpu.log.size(), 1u) << "no barrier: L1's own DSB waits";
            EXPECT_EQ(cpu.log[0].what, static_cast<u64>(instruction)) << n;
            EXPECT_EQ(cpu.log[0].operand, instruction == VMALLE1IS ? 0 : operand) << n;
        }
}

TEST(At, EveryEncoding) {
    struct Row {
        unsigned op1, crm, op2;
        AtOp op;
    };
    // regime, stage2, el0, write, pan, any, va
    const Row rows[] = {
        {0, 8, 0, {Regime::kEl10, false, false, false, false, false, 0x77}},
        {0, 8, 1, {Regime::kEl10, false, false, true, false, false, 0x77}},
        {0, 8, 2, {Regime::kEl10, false, true, false, false, false, 0x77}},
        {0, 8, 3, {Regime::kEl10, false, true, true, false, false, 0x77}},
        {0, 9, 0, {Regime::kEl10, false, false, false, true, false, 0x77}},
        {0, 9, 1, {Regime::kEl10, false, false, true, true, false, 0x77}},
        {0, 9, 2, {Regime::kEl10, false, false, false, false, true, 0x77}},
        {4, 8, 0, {Regime::kEl20, false, false, false, false, false, 0x77}},
        {4, 8, 1, {Regime::kEl20, false, false, true, false, false, 0x77}},
        {4, 8, 4, {Regime::kEl10, true, false, false, false, false, 0x77}},
        {4, 8, 5, {Regime::kEl10, true, false, true, false, false, 0x77}},
        {4, 8, 6, {Regime::kEl10, true, true, false, false, false, 0x77}},
        {4, 8, 7, {Regime::kEl10, true, true, true, false, false, 0x77}},
        {4, 9, 2, {Regime::kEl20, false, false, false, false, true, 0x77}},
    };
    for (unsigned op1 : {0u, 4u})
        for (unsigned crm : {8u, 9u})
            for (unsigned op2 = 0; op2 < 8; op2++) {
                const Row* row = row_of(rows, op1, crm, op2);
                AtOp op;
                const auto e = encode(1, op1, 7, crm, op2);
                ASSERT_EQ(decode_at(e, 0x77, every_feature(), true, false, op), row != nullptr) << op1 << crm << op2;
                if (!row)
                    continue;
                EXPECT_EQ(op, row->op) << op1 << crm << op2;
                ASSERT_TRUE(decode_at(e, 0x77, every_feature(), true, true, op));
                EXPECT_EQ(op.regime, Regime::kEl20) << "with TGE there is only virtual EL2's own regime";
                EXPECT_FALSE(op.stage2);
                EXPECT_EQ(decode_at(e, 0x77, Features{}, true, false, op), crm == 8);
            }
}

}  // namespace
}  // namespace nest::nested
