// SPDX-License-Identifier: GPL-2.0-only
#include <base/interval_index.hpp>
#include <gtest/gtest.h>
#include <random>
#include <vector>

namespace nest::kvm {
namespace {

TEST(IntervalIndexTest, FindsTheFirstCoveredPoint) {
    std::mt19937_64 random(7);
    for (unsigned round = 0; round < 200; round++) {
        IntervalIndex<unsigned> index;
        std::vector<bool> covered(64);
        for (unsigned i = 0; i < round % 9; i++) {
            const u64 start = random() % 60, end = start + 1 + random() % (64 - start < 12 ? 64 - start : 12);
            if (index.full()) {
                auto storage = index.larger();
                index.adopt(storage);
            }
            index.insert(start, end, i);
            for (u64 at = start; at < end; at++)
                covered[at] = true;
        }
        for (u64 start = 0; start < 64; start++)
            for (u64 end = start; end <= 64; end++) {
                u64 expected = start;
                while (expected < end && !covered[expected])
                    expected++;
                ASSERT_EQ(index.first_covered(start, end), expected) << start << " " << end;
            }
    }
}

}  // namespace
}  // namespace nest::kvm
