// SPDX-License-Identifier: GPL-2.0-only
// Proves at compile time that our structures have the ABI's layout; linux/abi_check.c proves the same of the kernel's.
#include <cstddef>
#include <kvm/abi/capability.hpp>
#include <kvm/abi/coalesced.hpp>
#include <kvm/abi/device.hpp>
#include <kvm/abi/ioctl.hpp>
#include <kvm/abi/irq.hpp>
#include <kvm/abi/memory.hpp>
#include <kvm/abi/run.hpp>
#include <kvm/abi/stats.hpp>

namespace nest::kvm::abi {

#define STRUCT(ours, theirs, bytes) static_assert(sizeof(ours) == bytes, #theirs);
#define FIELD(ours, member, theirs, their_member, offset) \
    static_assert(offsetof(ours, member) == offset, #theirs "." #their_member);
#include <kvm/abi/layout.def>

static_assert(offsetof(Run, immediate_exit) == 1);
static_assert(coalesced_mmio_max(4096) == 170);
static_assert(sizeof(StatsDesc) == 16 + kStatsNameBytes);
static_assert(KVM_GET_API_VERSION == 0xae00 && KVM_SET_USER_MEMORY_REGION == 0x4020ae46);

}  // namespace nest::kvm::abi
