// SPDX-License-Identifier: GPL-2.0-only
// All that KVM's ABI offers of a vCPU, a vGIC and an ITS: to be read from one VM and written into another, as a migration does it.
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

// The attributes of a device. All vCPUs of the VM are out of KVM_RUN.
class SavedDevice {
public:
    // Into one that is initialised alike, with as many vCPUs and interrupts. Throws SystemError.
    void restore(const File& device) const;

protected:
    void take(const File& device, unsigned group, u64 number);
    void push(unsigned group, u64 number, u64 value = 0) { attributes_.push_back({group, number, value}); }

private:
    struct Attribute {
        unsigned group;
        u64 number;
        u64 value;
    };
    std::vector<Attribute> attributes_;     // in the order in which they are to be written
};

class SavedGic : public SavedDevice {
public:
    SavedGic(const File& gic, unsigned vcpus, unsigned interrupts);

private:
    void take_cpu_registers(const File& gic, u64 of);
};

// What both have in tables of the guest's goes there. To be done before the memory is copied.
void save_tables(const File& gic, const File& its);

// To be restored when the guest's memory and the redistributors are.
class SavedIts : public SavedDevice {
public:
    explicit SavedIts(const File& its);
};

}  // namespace nest::guests
