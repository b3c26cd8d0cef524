// SPDX-License-Identifier: GPL-2.0-only
// What all vCPUs counted since the module was loaded, those that are gone included: for a look at the machine as a whole.
#pragma once
#include <base/types.hpp>
#include <kvm/stats/stats.hpp>

namespace nest::kvm {

// A vCPU ends: what it counted stays. Any thread.
void add_to_totals(const VcpuStats& stats);

// Row `index` of the table: "name value". False behind the last. Rows that are zero are skipped by the caller.
struct TotalsRow {
    const char* name;
    u64 value;
};
bool totals_row(unsigned index, TotalsRow& row);

}  // namespace nest::kvm
