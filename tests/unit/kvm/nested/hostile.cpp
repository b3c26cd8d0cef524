// SPDX-License-Identifier: GPL-2.0-only
// What an L1 may try: addresses that are not its own, controls of features that it was not given, tables that end
// nowhere. Each must end in a fault of the guest or an exit to the VMM, never in a mapping.
#include <nested/vel2/trap_merge.hpp>
#include <tests/unit/kvm/nested/fixture.hpp>

namespace nest::kvm {
namespace {

using H = arch::HCR_EL2;
constexpr u64 kNvBits = H::mask<H::NV, H::NV1, H::NV2>();

struct HostileTest : NestedVmTest {
    // L2 reads and writes at kL2, which L1 has mapped to `output`: nothing may be mapped there.
    void expect_no_mapping(u64 output) {
        constexpr u64 kX3 = kIsv | 3 << 22 | 3 << 16;
        for (const u64 iss : {kTranslation3, kTranslation3 | kX3, kTranslation3 | kX3 | kWrite}) {
            enter_l2();
            set_l1(SysReg::VBAR_EL1, 0x8000);
            map_l2(kL2, output);
            const Next next = access(kL2, iss);
            // Without a syndrome nobody can tell what the access does: that is ENOSYS for the VMM.
            EXPECT_TRUE(next != Next::kError || (!(iss & kIsv) && core().error == Errno::kNoSys))
                << std::hex << output << ' ' << iss;
            core().mmio.abandon();
            if (auto* shadow = core().nested.shadow_use.shadow) {
                EXPECT_FALSE(shadow->tables.walk(L2Ipa(kL2)).valid) << std::hex << output;
            }
        }
        if (Ipa(output) < core().vm.stage2.tables().limit()) {
            EXPECT_FALSE(canonical_leaf(output).valid) << std::hex << output;
        }
    }
    // L2 reads at kL2, where L1 has these controls: at most a leaf that leads to L1's memory.
    void expect_confined(u64 vtcr) {
        enter_l2();
        set_l1(SysReg::VTCR_EL2, vtcr);
        set_l1(SysReg::VBAR_EL1, 0x8000);
        const Next next = access(kL2, kTranslation3 | kIsv | 3 << 16);
        EXPECT_TRUE(next == Next::kResume || next == Next::kUser);
        core().mmio.abandon();
        if (!core().vel2.in_l2() || !core().nested.shadow_use.shadow)
            return;
        const stage2::Leaf leaf = shadow_leaf(kL2);
        const u64 at = leaf.pa.raw;
        EXPECT_TRUE(!leaf.valid || (at >= pa(kRam) && at < pa(kRam) + kRamBytes));
    }
};

// The page that VNCR_EL2 points to is the vCPU's, not the guest's: its number, taken for an address of L1's, means
// nothing. Nor do those of the shadow's and the canonical tables.
TEST_F(HostileTest, OurOwnPagesAreNoAddressesOfL1s) {
    map_l2(kL2 + kPage, kData);
    ASSERT_EQ(access(kL2 + kPage), Next::kResume);
    const u64 pages[] = {
        nest_port_va_to_pa(core().regs.page()),
        core().nested.shadow_use.shadow->tables.vttbr(0).raw & 0xffff'ffff'f000,
        core().vm.stage2.tables().vttbr(0).raw & 0xffff'ffff'f000,
        pa(kData),
    };
    for (const u64 page : pages) {
        expect_no_mapping(page & 0xffff'ffff'f000);
        expect_no_mapping(page & 0xff'ffff'f000);  // what is left of it below the VM's 40 bits
    }
    EXPECT_TRUE(shadow_leaf(kL2 + kPage).valid) << "its neighbour is not concerned";
}

// At the edges of L1's memory, and where an addition would wrap.
TEST_F(HostileTest, OutsideOfTheMemory) {
    for (const u64 output : {u64{0}, kRam - kPage, kRam + kRamBytes, u64{0x1'0000'0000}, (u64{1} << 40) - kPage,
                             u64{1} << 40, (u64{1} << 48) - kPage})
        expect_no_mapping(output);
    // A block that begins in memory and ends outside: only what is memory comes.
    enter_l2();
    const u64 last_gib = kRam & ~((u64{1} << 30) - 1);
    word(kRoot + (kL2 >> 30 & 511) * 8) = last_gib | (kLeaf & ~u64{2}) | kR | kW;
    EXPECT_EQ(access(kL2 + (kRam - last_gib)), Next::kResume);
    EXPECT_TRUE(shadow_leaf(kL2 + (kRam - last_gib)).valid);
    EXPECT_EQ(access(kL2 + (kRam - last_gib) + kRamBytes - kPage), Next::kResume);
    const stage2::Leaf last = shadow_leaf(kL2 + (kRam - last_gib) + kRamBytes - kPage);
    EXPECT_TRUE(last.valid);
    EXPECT_EQ(last.pa.raw, pa(kRam + kRamBytes - kPage));
    EXPECT_FALSE(shadow_leaf(kL2 + (kRam - last_gib) + kRamBytes).valid);
    EXPECT_NE(access(kL2 + (kRam - last_gib) + kRamBytes, kTranslation3 | kIsv | 3 << 16), Next::kError);
    EXPECT_FALSE(shadow_leaf(kL2 + (kRam - last_gib) + kRamBytes).valid);
}

// Where the VMM hides FEAT_NV2 from L1, what L1 writes in spite of that has no effect.
TEST_F(HostileTest, NobodyIsGivenWhatL1DoesNotHave) {
    const auto mmfr4 = arch::encoding_of(SysReg::ID_AA64MMFR4_EL1);
    ASSERT_TRUE(core().ids.write(mmfr4, u64{0xe} << 24).ok());
    core().ids.freeze(true);
    ASSERT_FALSE(core().vel2.config().features.has(nested::Feature::kNv2));
    set_l1(SysReg::VNCR_EL2, 0xffff'ffff'ffff'ffff);
    for (const u64 bits : {kNvBits, H::mask<H::NV>(), H::mask<H::NV, H::NV2>()}) {
        set_hcr(H::VM::kMask | bits);
        EXPECT_EQ(core().vel2.hcr().raw & kNvBits, 0u);
        EXPECT_EQ(core().vel2.get<arch::VNCR_EL2>().raw, 0u);
        const auto traps = nested::l2_traps({}, core().vel2.config(), core().regs, true);
        EXPECT_EQ(traps.hcr.raw & kNvBits, 0u);
    }
}

// Every forbidden combination of VTCR_EL2 with every kind of address: a fault for L1, in finite time, without a leaf.
TEST_F(HostileTest, AbsurdControlsNeverMap) {
    map_l2(kL2, kData);
    for (u64 sl0 = 0; sl0 < 4; sl0++)
        for (u64 t0sz : {0, 1, 15, 16, 24, 25, 33, 34, 39, 48, 63})
            for (u64 granule = 0; granule < 4; granule++)
                for (u64 ps : {0, 2, 5, 7})
                    expect_confined(ps << 16 | granule << 14 | sl0 << 6 | t0sz);
}

// A table that leads to itself, in all levels, at any place.
TEST_F(HostileTest, TablesThatLeadToThemselves) {
    for (u64 i = 0; i < 512; i++)
        word(kRoot + 8 * i) = kRoot | 3 | 1 << 10 | kR | kW | 15 << 2 | 3 << 8;
    for (const u64 l2 : {u64{0}, kL2, (u64{1} << 39) - kPage}) {
        enter_l2();
        EXPECT_EQ(access(l2), Next::kResume);
        EXPECT_EQ(shadow_leaf(l2).pa.raw, pa(kRoot));
    }
}

// The table itself is where L2 may write: what it writes decides its next fault, and reaches no more than L1's memory.
TEST_F(HostileTest, L2WritesTheTablesThatMapIt) {
    map_l2(kL2, kData);
    const u64 level3 = word(kRam + 0x10'0000 + 0) & 0xffff'ffff'f000;
    ASSERT_GE(level3, kRam);
    map_l2(kL2 + kPage, level3);
    ASSERT_EQ(access(kL2 + kPage, kTranslation3 | kWrite), Next::kResume);
    ASSERT_TRUE(shadow_leaf(kL2 + kPage).attributes.prot.w);
    for (const u64 entry : {u64{0}, ~u64{0}, u64{0x1000'0000} | kLeaf | kR, (u64{1} << 47) | kLeaf | kR}) {
        word(level3 + 2 * 8) = entry;
        enter_l2();
        set_l1(SysReg::VBAR_EL1, 0x8000);
        EXPECT_NE(access(kL2 + 2 * kPage, kTranslation3 | kIsv | 3 << 16), Next::kError);
        core().mmio.abandon();
        enter_l2();
        need_shadow();
        EXPECT_FALSE(shadow_leaf(kL2 + 2 * kPage).valid) << std::hex << entry;
    }
}

}  // namespace
}  // namespace nest::kvm
