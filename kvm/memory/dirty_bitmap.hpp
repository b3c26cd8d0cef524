// SPDX-License-Identifier: GPL-2.0-only
// The dirty log of one memory slot: a bit per page of the host's, set by vCPUs at any time, taken out by the VMM's ioctls.
// Stage 2 maps frames of 4 KiB; with larger pages on the host, the bit is that of the page a frame lies in.
#pragma once
#include <arch/address.hpp>
#include <base/atomic.hpp>
#include <base/memory.hpp>
#include <base/result.hpp>

namespace nest::kvm {

// A page's bit in a dirty log, or none (no log). Valid as long as the log exists.
struct DirtyBit {
    u64* word = nullptr;
    u64 mask = 0;

    // Atomic context.
    void set() const {
        if (word)
            AtomicRef(*word).fetch_or_release(mask);
    }
};

class DirtyBitmap {
public:
    DirtyBitmap() = default;

    // For `frames` frames, a multiple of the host's page of 2^page_shift bytes; all clean or all dirty. ENOMEM. Sleeps.
    Status allocate(u64 frames, unsigned page_shift, bool all_dirty);
    void release() { *this = DirtyBitmap(); }
    explicit operator bool() const { return static_cast<bool>(words_); }

    // Atomic context. `frame`: from the slot's start.
    DirtyBit at(u64 frame) const {
        const u64 page = page_of(frame);
        return {&words_[page / 64], bit(page)};
    }
    void mark(u64 frame) const { at(frame).set(); }
    bool test(u64 frame) const { return AtomicRef(*at(frame).word).load_relaxed() & at(frame).mask; }
    u64 page_of(u64 frame) const { return frame >> frames_shift_; }

    // Bytes of the bitmap as user space sees it: whole 64-bit words.
    size_t bytes() const { return word_count_ * 8; }

    // The bitmap to user space as it is; EFAULT.
    Status copy_out(u64 user) const;
    // Moves all set bits into the scratch half, and calls protect(first, end) for runs of frames that contain their pages.
    template <typename Protect>
    void take_all(Protect protect) {
        take(0, word_count_, [](size_t) { return ~u64{0}; }, protect);
    }
    // Copies what take_all() took to user space. EFAULT: the bits are back in the log, as the VMM would else miss these pages.
    Status copy_out_taken(u64 user) const;
    // Takes out those of the bits that user space names; first_page is a multiple of 64, and the range inside the slot.
    // EFAULT: nothing is taken. protect() as for take_all().
    template <typename Protect>
    Status take_named(u64 user, u64 first_page, u64 pages, Protect protect) {
        size_t words = (pages + 63) / 64;
        size_t first = first_page / 64;
        NEST_TRY(copy_in(user, first, words));
        take(first, words, [this](size_t word) { return scratch()[word]; }, protect);
        return kOk;
    }

private:
    // Clean pages are write-protected already, so a run may bridge them: each run costs a TLB invalidation.
    static constexpr size_t kBridge = 8;

    static constexpr u64 bit(u64 page) { return u64{1} << (page % 64); }
    u64* scratch() const { return words_.data() + word_count_; }
    Status copy_in(u64 user, size_t first, size_t words);

    // A bit is taken before its page is write-protected. The other way round: the page is protected, vCPU A faults, the page
    // becomes writable and its bit is set, then the bit is taken, and A's later writes are never logged. In this order, a write
    // between the two is part of what was taken: the VMM copies the page after the ioctl.
    template <typename Mask, typename Protect>
    void take(size_t first, size_t count, Mask mask, Protect protect) {
        bool open = false;
        u64 run_start = 0;
        u64 run_end = 0;
        for (size_t i = first; i < first + count; i++) {
            u64 wanted = mask(i);
            u64 taken = wanted ? AtomicRef(words_[i]).fetch_and_acq_rel(~wanted) & wanted : 0;
            scratch()[i] = taken;
            if (!taken)
                continue;
            u64 low = i * 64 + static_cast<u64>(__builtin_ctzll(taken));
            u64 high = i * 64 + 64 - static_cast<u64>(__builtin_clzll(taken));
            if (open && low - run_end > kBridge * 64) {
                protect(run_start << frames_shift_, run_end << frames_shift_);
                open = false;
            }
            if (!open)
                run_start = low;
            run_end = high;
            open = true;
        }
        if (open)
            protect(run_start << frames_shift_, run_end << frames_shift_);
    }

    Buffer<u64> words_;  // the bitmap, then as many words of scratch, which the slots' mutex protects
    size_t word_count_ = 0;
    unsigned frames_shift_ = 0;  // log2 of the frames of a page
};

}  // namespace nest::kvm
