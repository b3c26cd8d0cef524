// SPDX-License-Identifier: GPL-2.0-only
// Stolen time, Arm DEN0057: how long a runnable vCPU had to wait for a CPU, told to the guest in its own memory.
#pragma once
#include <arch/address.hpp>
#include <base/result.hpp>

namespace nest::kvm {

// The guest's memory, through memslots. False: there is no memory at that address any more, and nothing is counted then.
// Virtual for the tests of this room, which has no VM (kvm/fault/stolen_time.cpp).
class StolenTimeMemory {
public:
    virtual bool read(arch::Ipa from, void* to, size_t bytes) = 0;
    virtual bool write(arch::Ipa to, const void* from, size_t bytes) = 0;

protected:
    ~StolenTimeMemory() = default;
};

// DEN0057 3.2.2, little-endian, aligned to its size.
struct StolenTimeRecord {
    u32 revision = 0;
    u32 attributes = 0;
    u64 stolen_ns = 0;
    u8 padding[48] = {};
};
static_assert(sizeof(StolenTimeRecord) == 64 && offsetof(StolenTimeRecord, stolen_ns) == 8);

inline constexpr u64 kNoStolenTime = ~u64{0};

// The stolen time of one vCPU, whose mutex is held (by KVM_RUN, too).
class PvTime {
public:
    // KVM_ARM_VCPU_PVTIME_CTRL. `supported`: the host keeps run delays. ENXIO: it does not, or another attribute.
    static Status has_attribute(bool supported, u64 attribute);
    // ENXIO as for has_attribute(); EINVAL: not aligned to 64 bytes or in no memslot; EEXIST: set before.
    Status set_ipa(bool supported, u64 attribute, u64 ipa, bool in_memslot);
    Result<u64> ipa(bool supported, u64 attribute) const;

    bool configured() const { return base_ != kNoStolenTime; }
    // PV_TIME_ST: clears the record and counts from now; returns its IPA, or kNoStolenTime. May fault: preemptible.
    u64 start(StolenTimeMemory& memory, u64 run_delay_ns);
    // Before an entry, after the vCPU was scheduled: adds what was stolen since. May fault: preemptible.
    void update(StolenTimeMemory& memory, u64 run_delay_ns);

private:
    u64 base_ = kNoStolenTime;
    u64 last_run_delay_ns_ = 0;
};

}  // namespace nest::kvm
