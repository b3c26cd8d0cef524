// SPDX-License-Identifier: GPL-2.0-only
// Brings the VMM's memory into the canonical stage 2, on demand.
#pragma once
#include <kvm/vm/vcpu.hpp>

namespace nest::kvm {

// An access that the canonical stage 2 has to allow.
struct MemoryAccess {
    arch::Ipa ipa{};
    bool write = false;
    bool exec = false;
    bool permission = false;  // a leaf is there, and allows less
    bool walk = false;        // by hardware, of stage-1 tables
};
enum class FaultInResult : u8 {
    kMapped,     // or something came in between; the access is to be tried again in both cases
    kNone,       // no memory slot
    kReadOnly,   // a write, and the slot is read-only
    kDevice,     // a fetch from a device that the VMM has mapped, or a walk of one: no guest may
    kError,      // vcpu.error: ENOMEM; EFAULT where the VMM has no memory behind the slot; EHWPOISON where that memory is
                 // poisoned and the thread does not take SIGBUS, by which it would have been told
};
// Brings the VMM's page in and maps it. No lock held; sleeps.
FaultInResult fault_in(Vcpu& vcpu, const MemoryAccess& access);

}  // namespace nest::kvm
