// SPDX-License-Identifier: GPL-2.0-only
// The VMM's say in which SMCCC calls reach the kernel: KVM_ARM_VM_SMCCC_FILTER.
#pragma once
#include <base/memory.hpp>
#include <base/result.hpp>

namespace nest::kvm {

enum class FilterAction : u8 { kHandle, kDeny, kForward };  // KVM_SMCCC_FILTER_*

// struct kvm_smccc_filter
struct SmcccFilterArgument {
    u32 base;
    u32 nr_functions;
    u8 action;
    u8 pad[15];
};
static_assert(sizeof(SmcccFilterArgument) == 24);

class SmcccFilter {
public:
    // EINVAL: padding not zero, no function, a range that wraps, an unknown action. EBUSY: a vCPU has run.
    // EEXIST: overlaps an earlier range, or the Arm Architecture Calls, whose answers tell the guest about Spectre.
    // ENOMEM. Under the VM's configuration lock, under which Vm::has_run is set, too: no range comes once a vCPU has run, so
    // that action() needs no lock.
    Status insert(const SmcccFilterArgument& argument, bool has_run);
    // What to do with a call. No locks; any tier. Without a filter it costs one branch.
    FilterAction action(u32 fid) const { return count_ == 0 ? FilterAction::kHandle : search(fid); }

private:
    struct Range {
        u32 first;
        u32 last;
        FilterAction action;
    };
    FilterAction search(u32 fid) const;
    size_t position(u32 fid) const;  // of the first range that does not end before fid

    Buffer<Range> ranges_;  // sorted, disjoint
    size_t count_ = 0;
};

}  // namespace nest::kvm
