// SPDX-License-Identifier: GPL-2.0-only
// Sums over the vCPUs that have ended since the module was loaded.
#pragma once
#include <base/types.hpp>
#include <kvm/stats/stats.hpp>

namespace nest::kvm {

// Adds the counters of a vCPU that ends. Any thread.
void add_to_totals(const VcpuStats& stats);

// Row `index` of the table: "name value". False behind the last. Rows that are zero are skipped by the caller.
struct TotalsRow {
    const char* name;
    u64 value;
};
bool totals_row(unsigned index, TotalsRow& row);

}  // namespace nest::kvm
