// SPDX-License-Identifier: GPL-2.0-only
// The ITSs of one VM. Each lives as long as the VM, whether its descriptor is open or not, as with Linux's KVM: messages and
// the guest's accesses find one by its address without a lock.
#pragma once
#include <base/atomic.hpp>
#include <base/memory.hpp>
#include <vgic/its/its.hpp>

namespace nest::kvm {

class ItsList {
public:
    static constexpr unsigned kMost = 64;

    ItsList() = default;
    ItsList(const ItsList&) = delete;
    ItsList& operator=(const ItsList&) = delete;
    ~ItsList() { destroy_all(); }

    // The VM ends: no message and no access of a guest comes any more. Sleeps.
    void destroy_all() {
        for (unsigned i = 0; i < count_.load_relaxed(); i++)
            destroy(all_[i]);
        count_.store_relaxed(0);
    }

    // ENOMEM; ENOSPC: there are kMost. The VM's lock held.
    Result<vgic::Its*> create(vgic::Distributor& distributor) {
        const unsigned n = count_.load_relaxed();
        if (n == kMost)
            return Errno::kNoSpc;
        vgic::Its* const its = make<vgic::Its>(distributor);
        if (!its)
            return Errno::kNoMem;
        all_[n] = its;
        count_.store_release(n + 1);
        return its;
    }
    bool empty() const { return count_.load_acquire() == 0; }
    // The one whose two frames hold the address, and the offset in them; nullptr: none. Any context.
    vgic::Its* find(u64 address, u32& offset) const {
        for (unsigned i = 0; i < count_.load_acquire(); i++) {
            const u64 base = all_[i]->base();
            if (address - base < vgic::kItsSize && base != vgic::Its::kNoBase && all_[i]->initialized()) {
                offset = static_cast<u32>(address - base);
                return all_[i];
            }
        }
        return nullptr;
    }

private:
    vgic::Its* all_[kMost] = {};
    Atomic<unsigned> count_;
};

}  // namespace nest::kvm
