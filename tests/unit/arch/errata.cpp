// SPDX-License-Identifier: GPL-2.0-only
#include <arch/errata.hpp>
#include <gtest/gtest.h>

namespace nest::arch {
namespace {

constexpr u32 kRepeat = bit_of(Erratum::kRepeatTlbi), kAhead = bit_of(Erratum::kSpeculativeAt),
              kDrain = bit_of(Erratum::kDrainHcr);

// As the CPUs show themselves: implementer, variant, architecture 15, part, revision.
TEST(Errata, ByModelVariantAndRevision) {
    struct Case {
        const char* cpu;
        u32 midr, errata;
    };
    const Case cases[] = {
        {"Cortex-A76 r0p0", 0x410f'd0b0, kRepeat | kAhead}, {"Cortex-A76 r2p0", 0x412f'd0b0, kRepeat | kAhead},
        {"Cortex-A76 r2p1", 0x412f'd0b1, kRepeat},          {"Cortex-A76 r4p1", 0x414f'd0b1, kRepeat},
        {"Cortex-A55 r1p0", 0x411f'd050, kRepeat | kAhead}, {"Cortex-A55 r2p1", 0x412f'd051, kRepeat},
        {"Cortex-A510 r1p1", 0x411f'd461, kRepeat},         {"Cortex-A510 r1p2", 0x411f'd462, 0},
        {"Neoverse-N1 r3p1", 0x413f'd0c1, kRepeat},         {"Neoverse-V1 r1p2", 0x411f'd402, kRepeat},
        {"Cobalt 100", 0x6d0f'd490, kRepeat},               {"Kryo 4xx Gold rdpf", 0x51df'804f, kRepeat},
        {"Kryo 4xx Gold rfpf", 0x51ff'804f, 0},             {"Kryo 4xx Silver rdpe", 0x51df'805e, kAhead},
        {"Kryo 4xx Silver rdpf", 0x51df'805f, 0},           {"AmpereOne", 0xc00f'ac40, kDrain},
        {"Ampere-1", 0xc00f'ac30, 0},                       {"Cortex-A520", 0x410f'd800, 0},
        {"Cortex-A76's part, another maker", 0x420f'd0b0, 0}, {"QEMU max", 0x000f'0510, 0},
    };
    for (const Case& c : cases)
        EXPECT_EQ(errata_of(c.midr), c.errata) << c.cpu;
}

TEST(Errata, OfAnyCpuStay) {
    ASSERT_FALSE(has_erratum(Erratum::kDrainHcr));
    (void)known_errata.fetch_or_acq_rel(errata_of(0xc00f'ac40));
    (void)known_errata.fetch_or_acq_rel(errata_of(0x410f'd800));
    EXPECT_TRUE(has_erratum(Erratum::kDrainHcr));
    EXPECT_FALSE(has_erratum(Erratum::kRepeatTlbi));
    known_errata.store_relaxed(0);
}

}  // namespace
}  // namespace nest::arch
