// SPDX-License-Identifier: GPL-2.0-only
// The ioctl numbers of the KVM ABI, from ioctls.def.
#pragma once
#include <base/types.hpp>

namespace nest::kvm::abi {

// asm-generic's encoding: direction in bits 31:30, bytes of the argument in 29:16, type in 15:8, number in 7:0.
enum class Direction : u32 { NONE = 0, WRITE = 1, READ = 2, READ_WRITE = 3 };
inline constexpr u32 KVMIO = 0xae;

constexpr u32 make_ioctl(Direction direction, u32 number, u32 bytes) {
    return static_cast<u32>(direction) << 30 | bytes << 16 | KVMIO << 8 | number;
}

#define IOCTL(name, direction, number, bytes) \
    inline constexpr u32 name = make_ioctl(Direction::direction, number, bytes);
#include <kvm/abi/ioctls.def>
#undef IOCTL

}  // namespace nest::kvm::abi
