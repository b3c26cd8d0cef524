// SPDX-License-Identifier: GPL-2.0-only
// Arguments of ioctls: mostly what a VMM would pass, with one thing wrong in it now and then.
#pragma once

#include "world.hpp"

namespace nest::fuzz_kvm {

// What an ioctl gets: `value` itself, or the address of what has been put into the thread's scratch memory.
using Maker = u64 (*)(World& world, Random& r, size_t bytes);

namespace argument {
u64 plain(World&, Random&, size_t);
u64 bytes(World&, Random&, size_t);
u64 vm_type(World&, Random&, size_t);
u64 capability(World&, Random&, size_t);
u64 vcpu_id(World&, Random&, size_t);
u64 dirty_log(World&, Random&, size_t);
u64 clear_dirty_log(World&, Random&, size_t);
u64 memory_region(World&, Random&, size_t);
u64 irq_level(World&, Random&, size_t);
u64 coalesced_zone(World&, Random&, size_t);
u64 gsi_routing(World&, Random&, size_t);
u64 irqfd(World&, Random&, size_t);
u64 ioeventfd(World&, Random&, size_t);
u64 signal_mask(World&, Random&, size_t);
u64 mp_state(World&, Random&, size_t);
u64 guest_debug(World&, Random&, size_t);
u64 vcpu_events(World&, Random&, size_t);
u64 enable_cap(World&, Random&, size_t);
u64 msi(World&, Random&, size_t);
u64 one_reg(World&, Random&, size_t);
u64 vcpu_init(World&, Random&, size_t);
u64 reg_list(World&, Random&, size_t);
u64 counter_offset(World&, Random&, size_t);
u64 mask_range(World&, Random&, size_t);
u64 finalize(World&, Random&, size_t);
u64 create_device(World&, Random&, size_t);
u64 device_attr(World&, Random&, size_t);
}  // namespace argument

}  // namespace nest::fuzz_kvm
