// SPDX-License-Identifier: GPL-2.0-only
// Geometry, VTCR_EL2, the descriptor's encoding, and what is read from ID registers.
#include <gtest/gtest.h>
#include <stage2/pte.hpp>

namespace nest::test {
namespace {
using namespace stage2;

TEST(Geometry, VtcrOfTypicalMachines) {
    // 40 bits of IPA on a 48-bit machine: RES1, PS 5, SH IS, WB/WB, start level 1, T0SZ 24
    EXPECT_EQ(vtcr_for(geometry_for(40, 5), {.parange = 5}).raw, 0x8005'3558u);
    // 48 bits, start level 0, 16-bit VMIDs, hardware access flag; 52-bit PA is capped to 48
    EXPECT_EQ(vtcr_for(geometry_for(48, 6), {.parange = 6, .haf = true, .vmid16 = true}).raw, 0x802d'3590u);
    // 32 bits, start level 2
    EXPECT_EQ(vtcr_for(geometry_for(32, 0), {}).raw, 0x8000'3520u);
}

TEST(Geometry, OutputLimitFollowsTheMachine) {
    EXPECT_EQ(geometry_for(36, 1).pa_limit(), u64{1} << 36);
    EXPECT_EQ(geometry_for(36, 2).pa_limit(), u64{1} << 40);
    EXPECT_EQ(geometry_for(36, 7).pa_limit(), u64{1} << 48);
    EXPECT_FALSE(geometry_for(37, 1).valid());
}

TEST(Geometry, ConcatenatedRootsIndexPast512) {
    Geometry g = geometry_for(43, 5);
    EXPECT_EQ(g.index(g.ipa_limit() - 1, 1), 8191u);
    EXPECT_EQ(g.index(g.ipa_limit() - 1, 2), 511u);
}

TEST(HostFeatures, AreReadFromTheRightFields) {
    HostFeatures f = host_features(0x5, 0, 0, 0, 0x8444'c004);
    EXPECT_EQ(f.parange, 5);
    EXPECT_FALSE(f.haf || f.vmid16 || f.xnx || f.cnp || f.fwb || f.ttl || f.tlbirange);
    EXPECT_EQ(f.ctr, 0x8444'c004u);
    EXPECT_TRUE(host_features(0, 2, 0, 0, 0).haf);
    EXPECT_TRUE(host_features(0, 0x20, 0, 0, 0).vmid16);
    EXPECT_FALSE(host_features(0, 0x10, 0, 0, 0).vmid16);
    EXPECT_TRUE(host_features(0, u64{1} << 28, 0, 0, 0).xnx);
    EXPECT_TRUE(host_features(0, 0, 1, 0, 0).cnp);
    EXPECT_TRUE(host_features(0, 0, u64{1} << 40, 0, 0).fwb);
    EXPECT_TRUE(host_features(0, 0, u64{1} << 48, 0, 0).ttl);
    EXPECT_TRUE(host_features(0, 0, 0, u64{2} << 56, 0).tlbirange);
    EXPECT_FALSE(host_features(0, 0, 0, u64{1} << 56, 0).tlbirange);  // only the outer-shareable forms
}

// The bits say: readable, writable, executable; FWB; with software bits.
void expect_encodes_and_decodes(unsigned bits, ExecAt at, MemoryType type, unsigned level) {
    PteFormat f{(bits & 8) != 0, true};
    Attributes a{{(bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0, at}, type, static_cast<u8>(bits & 16 ? 0xa : 0)};
    if (!a.prot.x)
        a.prot.x_at = ExecAt::Both;
    Pte p = f.leaf(arch::Pa(0xabc'4000'0000), level, a);
    EXPECT_EQ(f.attributes(p), a);
    EXPECT_TRUE(p.is_leaf(level));
    EXPECT_FALSE(p.is_table(level));
    EXPECT_EQ(p.output().raw, 0xabc'4000'0000u);
}

TEST(Pte, EncodesAndDecodesEveryCombination) {
    for (unsigned bits = 0; bits < 32; bits++)
        for (ExecAt at : {ExecAt::Both, ExecAt::El0Only, ExecAt::El1Only})
            for (MemoryType type : {MemoryType::Normal, MemoryType::NormalNC, MemoryType::Device_nGnRE})
                for (unsigned level = 1; level <= 3; level++)
                    expect_encodes_and_decodes(bits, at, type, level);
}

TEST(Pte, PermissionOrder) {
    PteFormat f{false, true};
    auto pte = [&](Prot p) { return f.leaf(arch::Pa(0), 3, {p}); };
    EXPECT_TRUE(reduces(pte(kProtRw), pte(kProtR)));
    EXPECT_FALSE(reduces(pte(kProtR), pte(kProtRw)));
    EXPECT_TRUE(relaxes(pte(kProtR), pte(kProtRw)));
    EXPECT_FALSE(relaxes(pte(kProtRw), pte(kProtRw)));
    Prot el0{true, false, true, ExecAt::El0Only}, el1{true, false, true, ExecAt::El1Only};
    EXPECT_TRUE(reduces(pte(el0), pte(el1)) && relaxes(pte(el0), pte(el1)));
    EXPECT_TRUE(reduces(pte(kProtRx), pte(el0)) && !relaxes(pte(kProtRx), pte(el0)));
}

}  // namespace
}  // namespace nest::test
