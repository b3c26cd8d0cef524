// SPDX-License-Identifier: GPL-2.0-only
// Statistics for whoever looks at them: what is not counted where it happens, because it is a sum, is made up here.
#pragma once
#include <kvm/stats/stats.hpp>

namespace nest::kvm {

class Vm;

// Sums of histograms. Any thread, several at once.
void complete(VcpuStats& stats);
// Sums over the vCPUs, and what the shadow MMU has counted. Any thread, several at once; sleeps.
void complete(Vm& vm);

// A VM that can be listed: from after it was made until before it is destroyed. Sleeps.
void list_vm(Vm& vm);
void unlist_vm(Vm& vm);
// Each value that is not zero of each VM and vCPU there is, by nest_port_stats_line(). Sleeps.
void show_all(void* to);

}  // namespace nest::kvm
