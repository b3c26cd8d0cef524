// SPDX-License-Identifier: GPL-2.0-only
// The ioctls of a vCPU's descriptor.
#pragma once
#include <base/types.hpp>

namespace nest::kvm {

class Vcpu;

// `arg`: mostly a user address. 0 or a positive answer, or -errno: EIO (another process's VM, or a dead one), EINTR (killed
// while it waited for the vCPU's mutex), EINVAL (unknown), or the ioctl's own. The VMM's context, no lock held; sleeps.
long vcpu_ioctl(Vcpu& vcpu, unsigned cmd, u64 arg);

}  // namespace nest::kvm
