// SPDX-License-Identifier: GPL-2.0-only
// The lengths of SVE's vectors that guests may have: those that all CPUs have, below any that some CPU has and another lacks, as a
// guest whose ZCR_EL2.LEN is that high would otherwise see other lengths on each CPU ([DDI0487] D24.2 ZCR_EL2: a length that the
// CPU lacks is rounded down to one that it has).
#pragma once
#include <base/atomic.hpp>
#include <kvm/cpu/cpu.hpp>
#include <vhe/sve_image.hpp>

namespace nest::kvm {

// The calling CPU's, 0: it has no SVE, or the kernel does not use SVE. Destroys what is in SVE's registers. Preemption off.
u32 vector_lengths_of(Cpu& c);

class VectorLengths {
public:
    static constexpr const char* kName = "lengths of SVE's vectors";  // what a CPU lacks for which add() is false
    // The lengths of one more CPU. False: some VMM was told of lengths that this CPU lacks. Any CPU.
    bool add(u32 lengths) {
        u64 now = state_.load_acquire();
        do {
            if (now & kTold) {
                const u32 promised = available(now);
                return (lengths & vhe::lengths_up_to(vhe::longest_vq(promised))) == promised;
            }
        } while (!state_.compare_exchange_acq_rel(now, (now & (~kAll | lengths)) | u64{lengths} << kAnyShift));
        return true;
    }
    // What guests may have, from now on for good. 0: no SVE.
    u32 tell() {
        return available(state_.fetch_or_acq_rel(kTold));
    }

private:
    static u32 available(u64 state) {
        const u32 all = static_cast<u32>(state & kAll), any = static_cast<u32>(state >> kAnyShift & kAll), some = any & ~all;
        const u32 below = some ? (some & -some) - 1 : ~u32{0};
        return any ? all & below : 0;
    }

    // What all CPUs have, what any has, and whether a VMM was told: in one word, as a CPU may come up while a VMM asks.
    static constexpr unsigned kAnyShift = 16;
    static constexpr u64 kAll = 0xffff, kTold = u64{1} << 32;
    Atomic<u64> state_{kAll};
};

}  // namespace nest::kvm
