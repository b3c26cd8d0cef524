// SPDX-License-Identifier: GPL-2.0-only
// The SVE registers of a vCPU while they are not in hardware, and how long its vectors may be. The low 128 bits of the Z registers
// are V0 to V31, and CpuState::fp has them: what the image holds there counts only from merge_v() until the vCPU leaves the
// guest.
//
// Context: the vCPU's own thread, or the holder of its mutex.
#pragma once
#include <base/memory.hpp>
#include <base/result.hpp>
#include <vhe/guest_context.hpp>
#include <vhe/sve_image.hpp>

namespace nest::kvm {

class SveState {
public:
    // KVM_ARM_VCPU_SVE, with the lengths that the machine has for guests (kvm/sysreg/vector_lengths.hpp): not 0.
    void give(u32 machines) {
        lengths_ = machines;
        max_vq_ = static_cast<u8>(vhe::longest_vq(machines));
    }
    bool present() const { return max_vq_ != 0; }
    // The vCPU has the machine's lengths up to its longest one, whose quadwords these are.
    unsigned max_vq() const { return max_vq_; }
    u32 lengths() const { return lengths_ & vhe::lengths_up_to(max_vq_); }
    // kPerm: finalise() was before. kInval: none, or a set that the machine does not have up to its longest.
    Status choose(u32 lengths) {
        if (finalised())
            return Errno::kPerm;
        const unsigned longest = vhe::longest_vq(lengths);
        if (!longest || lengths != (lengths_ & vhe::lengths_up_to(longest)))
            return Errno::kInval;
        max_vq_ = static_cast<u8>(longest);
        return kOk;
    }

    // KVM_ARM_VCPU_FINALIZE: the longest vector is settled. kPerm: it was before. kNoMem. Sleeps.
    Status finalise() {
        if (finalised())
            return Errno::kPerm;
        image_ = Buffer<u8>(vhe::sve_image_bytes(max_vq_));
        return finalised() ? kOk : Status(Errno::kNoMem);
    }
    bool finalised() const { return static_cast<bool>(image_); }

    // From now on whatever the guest uses of FP/SIMD loads the whole image: an access to a V register zeroes the rest of its Z
    // register. Until the next reset.
    void note_use() { used_ = true; }
    bool used() const { return used_; }

    void reset() {
        used_ = false;
        if (finalised())
            __builtin_memset(image_.data(), 0, image_.size());
    }
    void merge_v(const vhe::FpState& fp) {
        for (unsigned n = 0; n < vhe::kZRegisters; n++)
            __builtin_memcpy(z(n), fp.v[n], vhe::kSveQuadword);
    }

    // finalised() alone.
    u8* image() const { return image_.data(); }
    u8* z(unsigned n) const { return image() + vhe::z_offset(max_vq_, n); }
    u8* p(unsigned n) const { return image() + vhe::p_offset(max_vq_, n); }  // vhe::kPRegisters: FFR

private:
    Buffer<u8> image_;
    u32 lengths_ = 0;
    u8 max_vq_ = 0;
    bool used_ = false;
};

}  // namespace nest::kvm
