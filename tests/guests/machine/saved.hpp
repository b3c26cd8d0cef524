// SPDX-License-Identifier: GPL-2.0-only
// All that KVM's ABI offers of a vCPU and of a vGIC: to be read from one VM and written into another, as a migration does it.
#pragma once

#include <linux/kvm.h>

#include <vector>

#include "../protocol.hpp"

namespace nest::guests {

class File;
class Vcpu;

// The vCPU is not in KVM_RUN, and no MMIO of it waits for an answer.
class SavedVcpu {
public:
    explicit SavedVcpu(const Vcpu& vcpu);
    // Into a vCPU that was initialised with the same features, and has not run. Throws SystemError, naming the register.
    void restore(const Vcpu& vcpu) const;

private:
    struct Register {
        u64 id;
        std::vector<char> value;
    };
    std::vector<Register> registers_;
    kvm_vcpu_events events_{};
    kvm_mp_state power_{};
};

// All vCPUs of the VM are out of KVM_RUN.
class SavedGic {
public:
    SavedGic(const File& gic, unsigned vcpus, unsigned interrupts);
    // Into one that is initialised, with as many vCPUs and interrupts. Throws SystemError.
    void restore(const File& gic) const;

private:
    struct Attribute {
        unsigned group;
        u64 number;
        u64 value;
    };
    void take(const File& gic, unsigned group, u64 number);
    void take_cpu_registers(const File& gic, u64 of);

    std::vector<Attribute> attributes_;     // in the order in which they are to be written
};

}  // namespace nest::guests
