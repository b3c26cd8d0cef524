// SPDX-License-Identifier: GPL-2.0-only
// Structures to and from the VMM's memory at address `user`: EFAULT. Context: the VMM's; may fault and sleep.
#pragma once
#include <base/result.hpp>
#include <port/port.h>

namespace nest::kvm {

template <typename T>
Result<T> fetch(u64 user) {
    static_assert(__is_trivially_copyable(T));
    T value;
    if (nest_port_copy_from_user(&value, user, sizeof(T)))
        return Errno::kFault;
    return value;
}

template <typename T>
Status store(u64 user, const T& value) {
    static_assert(__is_trivially_copyable(T));
    return nest_port_copy_to_user(user, &value, sizeof(T)) ? Status(Errno::kFault) : kOk;
}

}  // namespace nest::kvm
