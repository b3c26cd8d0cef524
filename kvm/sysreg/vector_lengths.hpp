// SPDX-License-Identifier: GPL-2.0-only
// The lengths of SVE's vectors that guests may have: those that all CPUs have, below any that some CPU has and another lacks, as a
// guest whose ZCR_EL2.LEN is that high would otherwise see other lengths on each CPU ([DDI0487] D24.2 ZCR_EL2: a length that the
// CPU lacks is rounded down to one that it has).
#pragma once
#include <base/atomic.hpp>
#include <kvm/cpu/cpu.hpp>
#include <vhe/sve_image.hpp>

namespace nest::kvm {

// The calling CPU's, 0: it has no SVE, or the kernel does not use SVE. Preemption off.
u32 vector_lengths_of(Cpu& c);

class VectorLengths {
public:
    static constexpr const char* kName = "lengths of SVE's vectors";  // what a CPU lacks for which add() is false
    // The lengths of one more CPU. False: some VMM was told of lengths that this CPU lacks. Any CPU.
    bool add(u32 lengths) {
        if (told_.load_acquire()) {
            const u32 promised = available();
            return (lengths & vhe::lengths_up_to(vhe::longest_vq(promised))) == promised;
        }
        (void)all_.fetch_and_acq_rel(lengths);
        (void)any_.fetch_or_acq_rel(lengths);
        return true;
    }
    // What guests may have, from now on for good. 0: no SVE.
    u32 tell() {
        told_.store_release(true);
        return available();
    }

private:
    u32 available() const {
        const u32 all = all_.load_relaxed(), some = any_.load_relaxed() & ~all;
        const u32 below = some ? (some & -some) - 1 : ~u32{0};
        return any_.load_relaxed() ? all & below : 0;
    }

    Atomic<u32> all_{~u32{0}}, any_;
    Atomic<bool> told_;
};

}  // namespace nest::kvm
