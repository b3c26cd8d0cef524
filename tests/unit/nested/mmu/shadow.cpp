// SPDX-License-Identifier: GPL-2.0-only
#include <gtest/gtest.h>
#include <tests/unit/nested/mmu/shadow_ops.hpp>

namespace {
using namespace nest;
using namespace nest::test;

class ShadowProperty : public testing::TestWithParam<int> {};

TEST_P(ShadowProperty, NeverMoreThanBothTranslationsAllow) {
    port().reset();
    std::mt19937 random(static_cast<unsigned>(GetParam()));
    {
        ShadowOps ops([&] { return static_cast<unsigned>(random() >> 7 & 255); }, GetParam() % 4 == 0 ? 1 : 64,
                      GetParam() % 3 != 0);
        for (unsigned i = 0; i < 400; i++)
            ops.step();
        EXPECT_GT(ops.world().mmu.stats().mapped, 0u);
    }
    EXPECT_TRUE(port().nothing_leaked());
}
INSTANTIATE_TEST_SUITE_P(Seeds, ShadowProperty, testing::Range(1, 41));

}  // namespace
