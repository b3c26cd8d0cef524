// SPDX-License-Identifier: GPL-2.0-only
// Statistics that are sums are not counted where things happen: they are computed here when somebody reads them.
#pragma once
#include <kvm/stats/stats.hpp>

namespace nest::kvm {

class Vm;

// Sums of histograms. Any thread, several at once.
void complete(VcpuStats& stats);
// Sums over the vCPUs, and what stage 2, the shadow MMU and NestedVncr have counted. Any thread, several at once; sleeps.
void complete(Vm& vm);

// Number `row` of the counters that are one number; nullptr behind the last.
const Counter* single_counter(unsigned row);
// Its value in a VM, or in all: of a vCPU's counter, the sum over the vCPUs. Any thread, several at once; sleeps.
u64 value_of(Vm& vm, const Counter& counter);
u64 value_of_all(const Counter& counter);

// Puts a VM on Machine::vms, after it was made, and takes it off, before it is destroyed. Sleeps.
void list_vm(Vm& vm);
void unlist_vm(Vm& vm);
// Calls nest_port_stats_line() for each value of each existing VM and vCPU that is not zero. Sleeps.
void show_all(void* to);

}  // namespace nest::kvm
