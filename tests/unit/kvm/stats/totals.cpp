// SPDX-License-Identifier: GPL-2.0-only
// What vCPUs that are gone have counted. Other tests of this program may have ended some, so that only what is added counts.
#include <gtest/gtest.h>
#include <kvm/stats/totals.hpp>
#include <string>
#include <vector>

namespace nest::kvm {
namespace {

std::vector<TotalsRow> all_rows() {
    std::vector<TotalsRow> rows;
    for (TotalsRow row; totals_row(static_cast<unsigned>(rows.size()), row);)
        rows.push_back(row);
    return rows;
}

TEST(Totals, WhatAVcpuCountedStaysUnderItsName) {
    VcpuStats stats{};
    u64 next = 1;
    std::vector<u64> counted;
    for_each_counter(stats, [&](const Counter& counter, u64* words) {
        for (unsigned i = 0; i < counter.words; i++) {
            words[i] = next++;
            if (counter.in_totals)
                counted.push_back(words[i]);
        }
    });
    const std::vector<TotalsRow> before = all_rows();
    add_to_totals(stats);
    const std::vector<TotalsRow> after = all_rows();
    ASSERT_EQ(after.size(), counted.size());
    for (size_t i = 0; i < counted.size(); i++)
        EXPECT_EQ(after[i].value - before[i].value, counted[i]) << after[i].name;
}

TEST(Totals, HistogramsAreNamedByExitClass) {
    const std::vector<TotalsRow> rows = all_rows();
    ASSERT_GT(rows.size(), 64u);
    const TotalsRow* classes = &rows[rows.size() - 64];
    EXPECT_STREQ(rows[0].name, "exits");
    EXPECT_STREQ(classes[0x16].name, "HVC");
    EXPECT_STREQ(classes[0x24].name, "data aborts");
    EXPECT_STREQ(classes[0x3f].name, "other classes");
}

}  // namespace
}  // namespace nest::kvm
