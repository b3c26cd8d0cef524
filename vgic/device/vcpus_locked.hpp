// SPDX-License-Identifier: GPL-2.0-only
#pragma once
#include <vgic/device/device_abi.hpp>

namespace nest::vgic {

// Holds all vCPUs out of KVM_RUN as long as it lives; false: one is in KVM_RUN (EBUSY), and none is held. Sleeps.
class VcpusLocked {
public:
    explicit VcpusLocked(DeviceContext& context) : context_(context), locked_(context.try_lock_vcpus()) {}
    ~VcpusLocked() {
        if (locked_)
            context_.unlock_vcpus();
    }
    VcpusLocked(const VcpusLocked&) = delete;
    VcpusLocked& operator=(const VcpusLocked&) = delete;
    explicit operator bool() const { return locked_; }

private:
    DeviceContext& context_;
    bool locked_;
};

}  // namespace nest::vgic
