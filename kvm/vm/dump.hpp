// SPDX-License-Identifier: GPL-2.0-only
// All that stage 2 and the shadows translate, as text, for whoever looks for what a guest has mapped
// (/sys/kernel/debug/nestvisor/shadows; linux/debugfs.c has the format).
#pragma once

namespace nest::kvm {

// Calls nest_port_dump_*() for each memory slot, each run of leaves of stage 2, each shadow and each run of its leaves, of all VMs.
// The mmu lock is dropped in between: what changes meanwhile may be missing or stand there twice. Ends early when the reader is
// killed. No VM begins or ends meanwhile. Sleeps.
void dump_translations(void* to);

}  // namespace nest::kvm
